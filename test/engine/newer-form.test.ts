import { expect, test } from "vitest";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { Worker } from "../../src/worker/worker.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { System } from "./system.ts";

test("what a newer release has written is left for its workers, not buried", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  const written = newCheckpoint(
    {
      runId: "newer",
      workflow: "chain",
      version: 1,
      fingerprint: flow.fingerprint,
      inputHash: "x",
      startSeq: 1,
      context: {},
      createdAt: 0,
    },
    0,
  );
  await system.backend.contexts.create({ ...written, v: 2 as 1 });
  system.world.publishStart("chain", '{"input":1,"runId":"newer"}');
  await system.backend.queue.prepare("chain");
  await system.backend.queue.enqueue([
    {
      v: 1,
      workflow: "chain",
      runId: "newer",
      item: 1,
      revision: 1,
      version: 1,
      fingerprint: flow.fingerprint,
      epoch: 0,
      turn: 0,
      salt: "",
    },
  ]);
  const said: string[] = [];
  const say = (_fields: object, message: string): void => {
    said.push(message);
  };
  const worker = new Worker(
    {
      backend: system.backend,
      workflows: [flow],
      log: { debug: say, info: say, warn: say, error: say },
    },
    { graceMs: 10 },
  );
  await worker.start();
  await eventually(() => expect(said.join()).toMatch(/newer form: left for a newer worker/));
  await worker.stop();
  expect(await system.orchestrator.deadLetters()).toEqual([]);
  expect(await system.backend.queue.startsWaiting(10)).toHaveLength(1);
  expect(await system.backend.queue.queued("chain", "newer")).toHaveLength(1);
});
