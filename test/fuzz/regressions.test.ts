import type { Msg } from "@nats-io/nats-core";
import { MsgImpl } from "@nats-io/nats-core/internal";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { CHECKPOINTS, RUN_INFOS } from "../../proof/fuzz/corpus.ts";
import { deep } from "../../proof/fuzz/hostile.ts";
import { CheckpointSchema } from "../../src/core/checkpoint/checkpoint.ts";
import { FloxideError, isFloxideError } from "../../src/core/errors.ts";
import { toFailure } from "../../src/core/failure.ts";
import { MAX_DEPTH, toJson } from "../../src/core/json.ts";
import { RunInfoSchema } from "../../src/core/records/run-info.ts";
import { parseStartRequest } from "../../src/core/records/start-request.ts";
import { WorkMessageSchema } from "../../src/core/records/work-message.ts";
import { parseWith } from "../../src/core/schema.ts";
import { decodeHeaders, headersOf } from "../../src/jetstream/headers-of.ts";
import { decodeAll } from "../../src/jetstream/kv-table.ts";
import { namesOf, readItemSubject } from "../../src/jetstream/names.ts";
import { readPubAck } from "../../src/jetstream/pub-ack.ts";
import { fromDirectGet, fromMessageGet, statusOf } from "../../src/jetstream/stored-message.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { EndpointStats } from "../../src/service/endpoint-stats.ts";
import { errorReply, toApiError } from "../../src/service/error-reply.ts";
import { hold, isTransition, node, workflow } from "../../src/workflows/index.ts";

// Faults that fuzzing found, each with the smallest input that showed it.

/** A message as the client makes it of what it reads from the wire. */
function message(headers: string | null, body: string): Msg {
  const head = Buffer.from(headers ?? "");
  const raw = new Uint8Array(Buffer.concat([head, Buffer.from(body)]));
  const arg = {
    subject: Buffer.from("a.b"),
    reply: Buffer.from("_INBOX.x"),
    sid: 1,
    hdr: headers === null ? -1 : head.length,
    size: raw.length,
  };
  return new MsgImpl(arg, raw, { publish: () => {} } as never) as Msg;
}

const refusal = (act: () => unknown): { code: string; message: string } => {
  try {
    act();
  } catch (error) {
    if (isFloxideError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
};

describe("headers", () => {
  test.each(["Bad Name: x", "A: b\nc", ": x", "é: x"])(
    "with the line %j are read without it",
    (line) => {
      const block = `NATS/1.0\r\nNats-Msg-Id: 7\r\n${line}\r\nNats-Sequence: 3\r\n\r\n`;
      const headers = headersOf(message(block, "body"));
      expect(headers?.get("Nats-Msg-Id")).toBe("7");
      expect(headers?.get("Nats-Sequence")).toBe("3");
      expect(decodeHeaders(Buffer.from(block)).get("Nats-Msg-Id")).toBe("7");
    },
  );

  test("of a stored message are no status of the server, whatever they begin with", () => {
    const stored =
      "NATS/1.0 404 No Messages\r\nNats-Subject: s\r\nNats-Sequence: 3\r\nNats-Time-Stamp: 2026-01-01T00:00:00Z\r\n\r\n";
    expect(statusOf(message(stored, "")).code).toBe(0);
    expect(fromDirectGet(message(stored, ""))).toMatchObject({ subject: "s", seq: 3, body: "" });
    expect(statusOf(message("NATS/1.0 404 No Messages\r\n\r\n", "")).code).toBe(404);
  });
});

describe("an answer of the server that is none is an error of the backend", () => {
  test.each([
    "",
    "null",
    "[]",
    "{}",
    '{"seq":"3"}',
    '{"seq":1.5}',
    '{"error":{}}',
    '{"error":null}',
  ])("to a publish: %s", (body) => {
    expect(refusal(() => readPubAck(message(null, body))).code).toBe("backend");
  });

  test("to a read", () => {
    expect(refusal(() => fromDirectGet(message("NATS/1.0\r\n\r\n", "x"))).code).toBe("backend");
    expect(refusal(() => fromMessageGet({})).code).toBe("backend");
  });
});

test("an answer whose code is no number is still a refusal of the server", () => {
  const body = '{"error":{"code":400,"err_code":{"toString":1},"description":"no"}}';
  expect(() => readPubAck(message(null, body))).toThrow("no");
});

describe("nesting", () => {
  test(`goes to ${MAX_DEPTH} levels and no deeper, in start requests and in what code gives`, () => {
    const body = (levels: number) => JSON.stringify({ input: deep(levels), runId: "r" });
    expect(parseStartRequest("w", body(MAX_DEPTH), "x").runId).toBe("r");
    expect(refusal(() => parseStartRequest("w", body(MAX_DEPTH + 1), "x"))).toMatchObject({
      code: "validation",
      message: expect.stringContaining(`more than ${MAX_DEPTH} levels`),
    });
    expect(refusal(() => toJson(deep(MAX_DEPTH + 1), "it")).code).toBe("validation");
  });
});

describe("an error is small, however large what it refuses", () => {
  test("where a list has a hundred thousand wrong elements", () => {
    const wrong = Array(100_000).fill("x");
    const refused = refusal(() => parseWith(z.array(z.number()), wrong, "it", "input"));
    expect(refused.message).toMatch(/and 99980 more$/);
    expect(refused.message.length).toBeLessThan(4_000);
  });

  test("where a request has a megabyte of unknown names", () => {
    const names = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`key${i}`, 1]));
    const refused = refusal(() => parseStartRequest("w", JSON.stringify(names), "x"));
    expect(refused.message.length).toBeLessThan(2_000);
  });

  test("where its details would not fit into a message", () => {
    const error = new FloxideError("not_found", "n".repeat(9_000), {
      details: { x: "x".repeat(9_000) },
    });
    const reply = errorReply(toApiError(error), 8_000);
    expect(JSON.parse(reply.body)).toMatchObject({ error: { code: "not_found", details: {} } });
    expect(reply.body.length).toBeLessThan(2_000);
  });

  test("where it is kept for those who ask for figures", () => {
    const stats = new EndpointStats();
    stats.count(1, { code: "not_found", message: "n".repeat(1_000_000), details: {} });
    expect(stats.figures().last_error.length).toBeLessThan(1_000);
  });

  test("where a failure's name is longer than any message may be", () => {
    const thrown = Object.assign(new Error("x"), { name: "N".repeat(100_000) });
    const failure = toFailure(thrown, { node: null, item: null, attempt: null, now: 0 });
    expect(failure.name.length).toBeLessThan(200);
  });
});

describe("a stored record is refused", () => {
  const [begun] = CHECKPOINTS;
  const wrong: readonly [string, object][] = [
    ["that failed of nothing", { status: "failed" }],
    ["of no time", { createdAt: "yesterday" }],
    [
      "of an event at no time",
      { history: { next: 2, events: [[1, 1e300, "x", null, null, null, null]] } },
    ],
    ["of an item without a number", { items: { x: { node: "a", input: 1, attempt: 1, turn: 0 } } }],
    ["of a run whose id is no subject", { runId: "x".repeat(5_000) }],
    ["of a workflow whose name is no token", { workflow: "a.>" }],
  ];
  test.each(wrong)("%s", (_what, fields) => {
    expect(CheckpointSchema.safeParse(begun).success).toBe(true);
    expect(CheckpointSchema.safeParse({ ...begun, ...fields }).success).toBe(false);
  });

  test("where a work message names a run that no subject can", () => {
    const item = { v: 1, runId: "r", item: 1, turn: 0, revision: 1, version: 1, fingerprint: "" };
    expect(WorkMessageSchema.safeParse(item).success).toBe(true);
    for (const runId of ["", "x".repeat(129), "\ud800"])
      expect(WorkMessageSchema.safeParse({ ...item, runId }).success).toBe(false);
  });

  test("alone: the others of a listing are given", () => {
    const entry = (body: string) => ({ key: "k", body, revision: 1, writtenAt: 0 });
    const bodies = ["{", "null", '{"status":"running"}', JSON.stringify(RUN_INFOS[0])];
    expect(decodeAll(RunInfoSchema, bodies.map(entry))).toEqual([RUN_INFOS[0]]);
  });
});

test("a subject with a token that stands for no id names no item", () => {
  const names = namesOf("ns");
  expect(readItemSubject(names, "ns.work.flow.=zz.1")).toBeNull();
  expect(readItemSubject(names, "ns.work.flow.r.0x1")).toBeNull();
});

test.each([
  undefined,
  5,
  {},
  { for: 5, timeoutMs: null },
  { for: null, timeoutMs: "1" },
  { for: null, timeoutMs: null },
])("a hold forged with the wait %j is no transition", (wait) => {
  expect(isTransition({ type: "hold", wait })).toBe(false);
  expect(isTransition(hold({ for: "go" }))).toBe(true);
});

test("what does not let itself be asked is no error of floxide", () => {
  const refuse = (): never => {
    throw new RangeError("no");
  };
  expect(isFloxideError(new Proxy(new Error("x"), { get: refuse, has: refuse }))).toBe(false);
});

describe("a workflow cannot be made", () => {
  const only = node({ input: z.number(), output: z.number(), run: () => hold() });
  const spec = { name: "w", version: 1, nodes: { only }, start: "only", edges: { only: [] } };
  const wrong: readonly [string, unknown][] = [
    ["of nothing", null],
    ["with edges that are a function", { ...spec, edges: { only: () => 1 } }],
    ["with a name that is a symbol", { ...spec, name: Symbol("w") }],
    ["with a description that is no text", { ...spec, description: 5 }],
    [
      "of a node without a schema",
      { ...spec, nodes: { only: node({ run: () => hold() } as never) } },
    ],
  ];
  test.each(wrong)("%s", (_what, given) => {
    expect(refusal(() => workflow(given as never)).code).toBe("definition");
  });
});

describe("an orchestrator refuses", () => {
  const backend = new MemoryWorld().open();
  const orchestrator = new Orchestrator({ backend });
  test("no history of ten thousand events, which the API promises", async () => {
    const history = (limit: number) => orchestrator.history("r", { limit });
    await expect(history(10_000)).rejects.toMatchObject({ code: "not_found" });
    await expect(history(10_001)).rejects.toMatchObject({ code: "validation" });
  });

  const calls: readonly [string, () => Promise<unknown>][] = [
    ["a run id longer than a subject", () => orchestrator.status("x".repeat(5_000))],
    ["no run id", () => orchestrator.cancel("")],
    ["a run id that is no text", () => orchestrator.errors(5 as never)],
    ["a workflow that is a wildcard", () => orchestrator.listRuns({ workflow: ">" })],
    ["a time that is none", () => orchestrator.listRuns({ createdFrom: "yesterday" })],
    ["a filter that there is not", () => orchestrator.listRuns({ worklow: "a" } as never)],
    ["a position that is none", () => orchestrator.deadLetters({ before: Number.NaN })],
    ["a limit without a text", () => orchestrator.errors("r", { limit: { toString: 1 } as never })],
    ["a signal without a name", () => orchestrator.signal("r", 5 as never)],
    ["what is no workflow", () => orchestrator.startRun(undefined as never, 1)],
  ];
  test.each(calls)("%s", async (_what, call) => {
    await expect(call()).rejects.toMatchObject({ code: "validation" });
  });
});
