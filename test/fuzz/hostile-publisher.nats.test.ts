import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { CHECKPOINTS, RUN_INFOS } from "../../proof/fuzz/corpus.ts";
import { RawPublisher } from "../../proof/fuzz/raw-publisher.ts";
import { next, node, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

// What a client does not publish, but anybody with a socket may.

const plain = workflow({
  name: "plain",
  version: 1,
  nodes: { only: node({ input: z.number(), output: z.number(), run: (_c, n) => next(n + 1) }) },
  start: "only",
  edges: { only: [] },
});

let system: LiveSystem;
let hostile: RawPublisher;
beforeAll(async () => {
  system = await LiveSystem.start([plain]);
  hostile = await RawPublisher.connect(system.server.url);
});
afterAll(async () => {
  hostile.close();
  await system[Symbol.asyncDispose]();
});

test("start requests that look like words of the server hide none behind them", async () => {
  hostile.publish("floxide.start.plain", "", "NATS/1.0 404 No Messages\r\n\r\n");
  hostile.publish("floxide.start.plain", "", "NATS/1.0 500 Broken\r\n\r\n");
  hostile.publish("floxide.start.plain", '{"input":1,"runId":"behind"}');
  await hostile.flush();
  expect(await system.backend.queue.startsWaiting(10)).toHaveLength(3);
  expect(await system.orchestrator.status("behind")).toBe("running");
});

test("headers that no client reads end no worker, and work with them is done", async () => {
  const { orchestrator } = system;
  hostile.publish(
    "floxide.start.plain",
    '{"input":1,"runId":"h1"}',
    "NATS/1.0\r\nBad Name: x\r\n\r\n",
  );
  hostile.publish("floxide.start.plain", '{"input":1,"runId":"h2"}', "NATS/1.0\r\nA: b\nc\r\n\r\n");
  hostile.publish("floxide.start.plain", '{"input":1,"runId":"h3"}', "nothing of the kind");
  await hostile.flush();
  await orchestrator.repair({ quietMs: 0 });
  await system.worker();
  for (const id of ["behind", "h1", "h2", "h3"])
    expect(await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 })).toMatchObject({
      status: "completed",
    });
  const id = await orchestrator.startRun(plain, 1);
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
});

test("work of a run whose id is longer than a subject becomes a dead letter", async () => {
  const item = {
    v: 1,
    runId: "x".repeat(5_000),
    item: 1,
    revision: 1,
    version: 1,
    fingerprint: "",
  };
  hostile.publish("floxide.work.plain.long.1", JSON.stringify(item));
  hostile.publish("floxide.work.plain.none.1", JSON.stringify({ ...item, runId: "" }));
  await hostile.flush();
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 10_000 });
  const letters = await system.orchestrator.deadLetters();
  expect(letters.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(["floxide.work.plain.long.1", "floxide.work.plain.none.1"]),
  );
});

test("work on the queue of one workflow for a run of another becomes a dead letter", async () => {
  const { orchestrator, plain: nats } = system;
  const checkpoint = { ...CHECKPOINTS[1], runId: "of-flow" };
  await nats.request("$KV.floxide-context.of-flow", JSON.stringify(checkpoint));
  const item = {
    v: 1,
    runId: "of-flow",
    item: 1,
    turn: 0,
    revision: 1,
    version: 1,
    fingerprint: "",
  };
  hostile.publish("floxide.work.plain.of-flow.1", JSON.stringify(item));
  await hostile.flush();
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 10_000 });
  expect((await orchestrator.deadLetters()).map(({ code }) => code)).toContain("conflict");
});

test("a record under a key that is another's is not taken for it", async () => {
  const { orchestrator, plain: nats } = system;
  const body = JSON.stringify({ ...CHECKPOINTS[1], runId: "somebody" });
  await nats.request("$KV.floxide-context.else", body);
  await nats.request(
    "$KV.floxide-runs.flow.running.else",
    JSON.stringify({ ...RUN_INFOS[1], runId: "somebody" }),
  );
  await expect(orchestrator.status("else")).rejects.toMatchObject({ code: "validation" });
  const { items } = await orchestrator.listRuns({ workflow: "flow" });
  expect(items).toEqual([]);
});

test("what others write beside the records ends no listing", async () => {
  const { orchestrator } = system;
  const header = "NATS/1.0\r\nFloxide-Workflow: =zz\r\nBad Name: x\r\n\r\n";
  hostile.publish("floxide.dead.others", "a letter", header);
  hostile.publish("floxide.dead.others", "", "NATS/1.0 404 No Messages\r\n\r\n");
  hostile.publish("$KV.floxide-liveness.others", "{}");
  hostile.publish("$KV.floxide-runs.plain.running.others", "{");
  hostile.publish("floxide.history.plain.h1", "no events");
  hostile.publish("$KV.floxide-errors.h1.1.1", "{}");
  await hostile.flush();
  expect(await orchestrator.deadLetters({ limit: 2 })).toMatchObject([
    { body: "", subject: "" },
    { body: "a letter", workflow: "=zz" },
  ]);
  expect(await orchestrator.listWorkers()).toHaveLength(1);
  expect(await orchestrator.errors("h1")).toEqual([]);
  expect((await orchestrator.history("h1")).map(({ kind }) => kind)).toContain("run.completed");
  expect((await orchestrator.listRuns()).items.length).toBeGreaterThan(3);
});
