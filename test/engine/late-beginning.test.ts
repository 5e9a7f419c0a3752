import { expect, test } from "vitest";
import { z } from "zod";
import type { StartRequest } from "../../src/core/records/start-request.ts";
import { next, nextAll, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain, single } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { System } from "./system.ts";

test("a start request whose input is checked for long does not begin a run that others have begun meanwhile", async () => {
  const [asked, checked, reading, read, taking] = [gate(), gate(), gate(), gate(), gate()];
  const built = (slow: boolean) =>
    workflow({
      name: "fan",
      version: 1,
      start: "fan",
      edges: { fan: ["branch"], branch: [] },
      nodes: {
        fan: node({
          input: z.number().refine(async () => {
            if (slow) asked.open();
            if (slow) await checked.promise;
            return true;
          }),
          output: z.number(),
          run: async (_c, n) => {
            if (slow) await taking.promise;
            return nextAll(Array.from({ length: n }, (_, i) => i));
          },
        }),
        branch: node({ input: z.number(), output: z.number(), run: (_c, n) => next(n) }),
      },
    });
  await using system = new System([built(false)], { ackWaitMs: 30_000 });
  system.widths = { inline: 1, chunk: 3, field: 8_192 };
  await system.worker(
    [built(true)],
    { workerId: "slow", concurrency: 2 },
    {
      values: (own) => ({
        get: async (runId, key) => {
          reading.open();
          await read.promise;
          return own.get(runId, key);
        },
      }),
    },
  );
  const runId = await system.orchestrator.startRun("fan", 3, { runId: "r" });
  await asked.promise;
  const request: StartRequest = { workflow: "fan", runId, input: 3, context: {}, version: 1 };
  await system.backend.queue.start(request, { infoWritten: true, anew: true });
  await system.worker([built(false)], { workerId: "quick", concurrency: 1 });
  // A branch's message has come to the slow one, which reads the branch's input.
  await reading.promise;
  checked.open();
  await new Promise((resolve) => setTimeout(resolve, 20));
  read.open();
  await new Promise((resolve) => setTimeout(resolve, 50));
  taking.open();
  const info = await system.orchestrator.waitForCompletion(runId, { timeoutMs: 8_000 });
  expect(info.status).toBe("completed");
}, 20_000);

test("a run that was published without a client, and signalled before it began, is listed as it runs", async () => {
  const hanging = gate();
  const flow = single(async (n) => {
    await hanging.promise;
    return n;
  }, "hanging");
  await using system = new System([flow]);
  await system.backend.queue.prepare("hanging");
  const request: StartRequest = {
    workflow: "hanging",
    runId: "r",
    input: 1,
    context: {},
    version: 1,
  };
  await system.backend.queue.start(request, { infoWritten: false });
  await system.orchestrator.signal("r", "other", 1);
  await system.worker([flow]);
  await eventually(async () =>
    expect((await system.orchestrator.listRuns({})).items.map(({ runId }) => runId)).toEqual(["r"]),
  );
  hanging.open();
});

test.each(["cancel", "pause", "resume"] as const)(
  "%s is refused where a run is listed as ended and its checkpoint has expired",
  async (command) => {
    const flow = chain(1);
    await using system = new System([flow]);
    await system.worker([flow]);
    const runId = await system.orchestrator.startRun(flow, 1);
    await eventually(async () =>
      expect((await system.backend.runs.get(runId))?.status).toBe("completed"),
    );
    await system.backend.contexts.remove(runId);
    await expect(system.orchestrator[command](runId)).rejects.toMatchObject({
      code: "illegal_state",
      details: { status: "completed" },
    });
    expect((await system.orchestrator.listRuns({})).items).toMatchObject([{ status: "completed" }]);
  },
);

test("resume is refused where a run is listed as failed and its checkpoint has expired, and lists stay as they are", async () => {
  const flow = single(() => {
    throw new Error("no");
  });
  await using system = new System([flow]);
  await system.worker([flow]);
  const runId = await system.orchestrator.startRun(flow, 1);
  await eventually(async () =>
    expect((await system.backend.runs.get(runId))?.status).toBe("failed"),
  );
  await system.backend.contexts.remove(runId);
  await expect(system.orchestrator.resume(runId)).rejects.toMatchObject({
    code: "illegal_state",
    details: { status: "failed" },
  });
  expect((await system.orchestrator.listRuns({})).items).toMatchObject([{ status: "failed" }]);
});
