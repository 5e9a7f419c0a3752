import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { faultFlows, instrument } from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";
import { faultsOf, lostRuns, startAgain, startRuns, untilAllEnded } from "./population.ts";
import { putBack, takeSnapshots } from "./snapshots.ts";

// The streams are backed up through the server's API while workers work, so each is a little older or younger than the
// next. Later they come back from that, as docs/operations.md says to do it.

test("what was backed up stream by stream while workers worked goes on where it stood", async () => {
  let executions = 0;
  instrument(() => {
    executions += 1;
  }, 3);
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator, plain, backend } = system;
  const { workStream, historyStream, deadStream, bucketStream } = backend.names;
  const tables = ["context", "values", "runs", "metrics", "errors", "liveness"] as const;
  // Checkpoints and queue last: the younger, the less is done again.
  const streams = [historyStream, deadStream, ...tables.map(bucketStream).reverse(), workStream];
  const runs = await startRuns(orchestrator, "first", 15);
  const worker = await system.worker({ concurrency: 6 });
  await eventually(() => expect(executions).toBeGreaterThan(40), { everyMs: 1 });
  const taken = await takeSnapshots(plain, streams);
  const during = executions;
  await untilAllEnded(system, runs);
  expect(executions).toBeGreaterThan(during);
  await worker.stop();

  await putBack(plain, taken);
  // Whoever works with what is not theirs any more would be stopped first: this process begins anew.
  const after = await system.another();
  expect(await after.repair({ restored: true })).toMatchObject({ unreadable: 0 });
  const before = executions;
  await system.worker({ concurrency: 6 });
  await untilAllEnded(system, runs);
  expect(executions).toBeGreaterThan(before);
  const lost = await lostRuns(system, runs);
  await startAgain(system, runs, [...lost.failed, ...lost.unknown]);
  await untilAllEnded(system, runs);
  expect(await faultsOf(system, runs)).toEqual([]);
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 20_000 });
}, 60_000);
