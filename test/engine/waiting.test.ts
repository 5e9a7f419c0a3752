import { describe, expect, onTestFinished, test } from "vitest";
import { ManualClock } from "../../src/memory/timers.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import type { Alterations } from "./altered.ts";
import { System } from "./system.ts";

const flow = chain(2);

test("a run that was started here while its ends are watched is waited for without a look", async () => {
  await using system = new System([flow]);
  await system.worker([flow]);
  const looked: string[] = [];
  const orchestrator = system.orchestratorOn([flow], {
    contexts: (contexts) => ({
      get: (runId, atLeast) => {
        looked.push(runId);
        return contexts.get(runId, atLeast);
      },
    }),
  });
  const first = await orchestrator.startRun(flow, 1);
  await orchestrator.waitForCompletion(first);
  const second = await orchestrator.startRun(flow, 1);
  expect(await orchestrator.waitForCompletion(second)).toMatchObject({ status: "completed" });
  expect(looked).toEqual([first]);
  // Its end has been seen: what has become of it since has to be looked up.
  expect(await orchestrator.waitForCompletion(second)).toMatchObject({ status: "completed" });
  expect(looked).toEqual([first, second]);
});

test("a run that could not be started is looked up", async () => {
  await using system = new System([flow]);
  await system.worker([flow]);
  let isAway = false;
  const orchestrator = system.orchestratorOn([flow], {
    queue: (queue) => ({
      start: (request, options) =>
        isAway ? Promise.reject(new Error(request.runId)) : queue.start(request, options),
    }),
  });
  await orchestrator.waitForCompletion(await orchestrator.startRun(flow, 1));
  isAway = true;
  const id = await orchestrator.startRun(flow, 1).catch((error: Error) => error.message);
  await system.backend.runs.remove(id);
  await expect(orchestrator.waitForCompletion(id)).rejects.toMatchObject({ code: "not_found" });
});

describe("half a minute after the last wait, ends are listened to no more", () => {
  /** An orchestrator whose time stands still until a test lets it pass. */
  function waiting(system: System, alterations: Alterations = {}) {
    const clock = new ManualClock();
    const parts = { backend: system.open(alterations), workflows: [flow], clock };
    const orchestrator = new Orchestrator(parts, { answerMs: 200 });
    onTestFinished(() => orchestrator.close());
    return { clock, orchestrator };
  }

  /** A wait that is over, with the time to listen after it, before the watch has opened. `open` opens it. */
  async function givenUp(system: System) {
    const opened = gate<Error | null>();
    const { clock, orchestrator } = waiting(system, opening(opened.promise));
    const wait = orchestrator.waitForCompletion("nobody", { timeoutMs: 1_000 });
    await Promise.all([expect(wait).rejects.toThrow(/1000 ms/), clock.advance(1_000)]);
    await clock.advance(31_000);
    return { clock, orchestrator, open: opened.open };
  }

  /** Opens the watch when the test says so, or fails then. */
  const opening = (opened: Promise<Error | null>): Alterations => ({
    runs: (runs) => ({
      watchEnded: async (...args) => {
        const error = await opened;
        if (error !== null) throw error;
        return runs.watchEnded(...args);
      },
    }),
  });

  test("but for a run that somebody has begun to wait for since", async () => {
    await using system = new System([flow]);
    const { clock, orchestrator } = waiting(system);
    const worker = await system.worker([flow]);
    await orchestrator.waitForCompletion(await orchestrator.startRun(flow, 1));
    await worker.stop();
    await clock.advance(29_000);
    const ended = orchestrator.waitForCompletion(await orchestrator.startRun(flow, 1));
    await clock.advance(2_000);
    await system.worker([flow]);
    expect(await ended).toMatchObject({ status: "completed" });
  });

  test("also where the watch opens only then: the next wait begins another one", async () => {
    await using system = new System([flow]);
    const { clock, orchestrator, open } = await givenUp(system);
    open(null);
    await clock.advance(0);
    await system.worker([flow]);
    const id = await orchestrator.startRun(flow, 1);
    expect(await orchestrator.waitForCompletion(id)).toMatchObject({ status: "completed" });
  });

  test("and that the watch fails later is nobody's matter", async () => {
    await using system = new System([flow]);
    const { open } = await givenUp(system);
    // Were nobody to take it, the test run would end with an unhandled rejection.
    open(new Error("gave up after 120000 ms"));
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
