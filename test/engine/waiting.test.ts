import { expect, test } from "vitest";
import { chain } from "../support/flows.ts";
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
