import { describe, expect, test } from "vitest";
import { describeVerbs, VERB_NAMES, VERBS } from "../../src/service/verbs.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain, fallback, flaky } from "../support/flows.ts";
import { serviceWith } from "./system.ts";

describe("the table of verbs", () => {
  test.each(VERB_NAMES)("has an example of %s that its schema takes", (name) => {
    const { request, example } = VERBS[name];
    expect(request.safeParse(example).error).toBeUndefined();
  });

  test.each(VERB_NAMES)("refuses a field that %s does not know", (name) => {
    const { request, example } = VERBS[name];
    expect(request.safeParse({ ...example, runid: "x" }).success).toBe(false);
  });

  test("describes every request as a JSON schema", () => {
    for (const { verb, request } of describeVerbs()) {
      expect(request, verb).toMatchObject({ type: "object", additionalProperties: false });
    }
  });
});

describe("a run", () => {
  test("is started, waited for and read", async () => {
    const { ask } = await serviceWith([chain(3)]);
    const started = await ask("start", { workflow: "chain", input: 1, runId: "r1" });
    expect(started).toEqual({ runId: "r1" });
    expect(await ask("wait", { runId: "r1", timeoutMs: 5_000 })).toMatchObject({
      runId: "r1",
      status: "completed",
      output: 4,
    });
    expect(await ask("status", { runId: "r1" })).toMatchObject({ status: "completed" });
    expect(await ask("result", { runId: "r1" })).toEqual({ output: 4 });
    expect(await ask("outputs", { runId: "r1" })).toEqual({ outputs: [4] });
    expect(await ask("metrics", { runId: "r1" })).toMatchObject({ items: 3, completed: 3 });
    expect(await ask("context", { runId: "r1" })).toEqual({ context: {} });
    expect(await ask("errors", { runId: "r1" })).toEqual({ errors: [] });
    expect(await ask("items", { runId: "r1" })).toEqual({ items: [] });
    expect(await ask("pending", { runId: "r1" })).toMatchObject({ runId: "r1", items: [] });
    expect(await ask("history", { runId: "r1", after: 1, limit: 2 })).toMatchObject({
      events: [{ number: 2 }, { number: 3 }],
    });
  });

  test("takes an initial context", async () => {
    const { ask } = await serviceWith([approval], { worker: false });
    const refused = await ask("start", {
      workflow: "approval",
      input: { timeoutMs: null },
      context: { nots: [] },
    });
    expect(refused).toMatchObject({ error: { code: "validation" } });
  });

  test("is released by a signal, which counts once", async () => {
    const { ask } = await serviceWith([approval]);
    await ask("start", { workflow: "approval", input: { timeoutMs: null }, runId: "r1" });
    const signal = { runId: "r1", name: "approval", payload: { by: "Ann", ok: true } };
    expect(await ask("signal", { ...signal, signalId: "s1" })).toEqual({ runId: "r1" });
    expect(await ask("wait", { runId: "r1" })).toMatchObject({ output: "approved by Ann" });
  });

  test("is paused, resumed and cancelled", async () => {
    const { ask } = await serviceWith([approval]);
    await ask("start", { workflow: "approval", input: { timeoutMs: null }, runId: "r1" });
    await eventually(async () =>
      expect(await ask("items", { runId: "r1" })).toMatchObject({ items: [{ state: "held" }] }),
    );
    expect(await ask("pause", { runId: "r1" })).toEqual({ runId: "r1" });
    expect(await ask("status", { runId: "r1" })).toMatchObject({ status: "paused" });
    expect(await ask("resume", { runId: "r1" })).toEqual({ runId: "r1" });
    expect(await ask("cancel", { runId: "r1" })).toEqual({ runId: "r1" });
    expect(await ask("result", { runId: "r1" })).toMatchObject({ error: { code: "cancelled" } });
    expect(await ask("resume", { runId: "r1" })).toMatchObject({
      error: { code: "illegal_state", details: { runId: "r1", status: "cancelled" } },
    });
  });

  test("that failed says of what", async () => {
    const { ask } = await serviceWith([flaky]);
    await ask("start", { workflow: "flaky", input: { failures: 9 }, runId: "r1" });
    expect(await ask("wait", { runId: "r1" })).toMatchObject({ status: "failed" });
    expect(await ask("result", { runId: "r1" })).toMatchObject({
      error: { code: "failed", details: { failure: { node: "work", message: "attempt 4 fails" } } },
    });
    expect(await ask("errors", { runId: "r1", limit: 1 })).toMatchObject({
      errors: [{ failure: { attempt: 4 } }],
    });
  });

  test("that goes on is a timeout to those who wait", async () => {
    const { ask } = await serviceWith([approval]);
    await ask("start", { workflow: "approval", input: { timeoutMs: null }, runId: "r1" });
    expect(await ask("wait", { runId: "r1", timeoutMs: 5 })).toMatchObject({
      error: { code: "timeout" },
    });
  });
});

describe("the system", () => {
  test("lists runs page by page, by status, workflow and time", async () => {
    const { ask } = await serviceWith([chain(1), fallback], { worker: false });
    for (const runId of ["a", "b", "c"]) {
      await ask("start", { workflow: "chain", input: 1, runId });
    }
    await ask("start", { workflow: "fallback", input: "ok", runId: "d" });
    await ask("cancel", { runId: "c" });
    const first = (await ask("list", { workflow: "chain", status: "running", limit: 1 })) as {
      items: { runId: string }[];
      cursor: string;
    };
    const { cursor } = first;
    const second = await ask("list", { workflow: "chain", status: "running", limit: 5, cursor });
    expect(second).toMatchObject({ items: [{ workflow: "chain" }], cursor: null });
    expect(await ask("list", { createdBefore: "2020-01-01T01:00:00+02:00" })).toEqual({
      items: [],
      cursor: null,
    });
    expect(await ask("list", { createdFrom: "yesterday" })).toMatchObject({
      error: { code: "validation" },
    });
  });

  test("lists workers, judged by the asked threshold", async () => {
    const { ask } = await serviceWith([chain(1)]);
    expect(await ask("workers")).toMatchObject({ workers: [{ liveness: "alive" }] });
    expect(await ask("workers", { thresholdMs: 3_600_000 })).toMatchObject({
      workers: [{ liveness: "alive" }],
    });
  });

  test("counts what waits", async () => {
    const { ask } = await serviceWith([chain(1)], { worker: false });
    await ask("start", { workflow: "chain", input: 1 });
    expect(await ask("backlog")).toMatchObject({ backlog: [{ workflow: "chain", starts: 1 }] });
  });

  test("shows dead letters", async () => {
    const { ask, backend } = await serviceWith([chain(1)], { worker: false });
    await backend.deadLetters.add({
      code: "validation",
      reason: "no good",
      subject: "floxide.start.chain",
      workflow: "chain",
      runId: null,
      body: "?",
    });
    expect(await ask("dead-letters")).toMatchObject({ letters: [{ reason: "no good" }] });
    expect(await ask("dead-letters", { before: 1 })).toEqual({ letters: [] });
  });

  test("describes its workflows, with the JSON schema of their input", async () => {
    const { ask } = await serviceWith([flaky]);
    expect(await ask("workflows")).toEqual({
      workflows: [
        {
          name: "flaky",
          version: 1,
          description: null,
          fingerprint: flaky.fingerprint,
          start: "work",
          nodes: ["work"],
          inputSchema: expect.objectContaining({
            type: "object",
            properties: { failures: { type: "number" } },
          }),
        },
      ],
    });
  });

  test("looks for runs to repair", async () => {
    const { ask } = await serviceWith([chain(1)]);
    expect(await ask("repair")).toMatchObject({ looked: 0, runs: 0, items: 0 });
  });
});
