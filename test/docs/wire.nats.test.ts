// A client of floxide as docs/wire.md describes it, written with the bare NATS client only: what is above the line could be
// in any language. The page is right as long as this file passes.

import { Kvm } from "@nats-io/kv";
import { headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const NAMESPACE = "floxide";

interface Reply {
  readonly error?: { readonly code: string; readonly message: string; readonly details: object };
  readonly [field: string]: unknown;
}

interface RunInfo {
  readonly runId: string;
  readonly status: string;
  readonly revision: number;
  readonly output?: unknown;
  readonly failure?: { readonly kind: string; readonly message: string };
}

/** An id as it stands in subjects and keys. */
function tokenOf(id: string): string {
  let token = "";
  for (const byte of Buffer.from(id, "utf8")) {
    const char = String.fromCharCode(byte);
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    token += /[A-Za-z0-9_-]/.test(char) ? char : `=${hex}`;
  }
  return token;
}

/** Publishes a start request, and gives what the stream answers. */
async function startByPublish(
  nc: NatsConnection,
  workflow: string,
  body: object | string,
  messageId?: string,
): Promise<{ readonly seq?: number; readonly duplicate?: boolean }> {
  const sent = headers();
  if (messageId !== undefined) sent.set("Nats-Msg-Id", messageId);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await nc.request(`${NAMESPACE}.start.${workflow}`, text, {
    headers: sent,
    timeout: 5_000,
  });
  return answer.json();
}

/** Asks an orchestrator service. */
async function ask(nc: NatsConnection, verb: string, request: object = {}): Promise<Reply> {
  return (await askRaw(nc, verb, JSON.stringify(request))).json<Reply>();
}

function askRaw(nc: NatsConnection, verb: string, body: string): Promise<Msg> {
  return nc.request(`${NAMESPACE}.api.${verb}`, body, { timeout: 15_000 });
}

/** Watches run infos until one says what is wanted. */
async function watchRuns(
  nc: NatsConnection,
  key: string,
  until: (info: RunInfo) => boolean,
): Promise<RunInfo> {
  const bucket = await new Kvm(nc).open(`${NAMESPACE}-runs`);
  const watch = await bucket.watch({ key });
  for await (const entry of watch) {
    if (entry.operation !== "PUT") continue;
    const info = entry.json<RunInfo>();
    if (until(info)) return info;
  }
  throw new Error("the watch has ended");
}

const ENDED = ["completed", "failed", "cancelled"];

/** Waits for the end of a run, whether it has come already or not. */
const watchToEnd = (nc: NatsConnection, runId: string): Promise<RunInfo> =>
  watchRuns(nc, `*.*.${tokenOf(runId)}`, ({ status }) => ENDED.includes(status));

// ----------------------------------------------------------------------------------------------------------------------

import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { approval, fallback, fanOut } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";

let server: NatsServer;
let nc: NatsConnection;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startTestServer();
  const servers = server.url;
  const workflows = [approval, fallback, fanOut];
  const worker = await DistributedWorker.connect({ servers, workflows });
  stops.push(() => worker.stop({ graceMs: 0 }));
  const service = await OrchestratorService.connect({ servers, workflows });
  stops.push(() => service.stop());
  await Promise.all([worker.start(), service.start()]);
  nc = await connect({ servers });
  stops.push(() => nc.close());
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  await server.stop();
});

describe("a run started by publish", () => {
  test("is watched to its end, and its result read", async () => {
    const runId = "by publish/1";
    expect(await startByPublish(nc, "fan-out", { input: 3 }, runId)).toEqual({
      stream: `${NAMESPACE}-work`,
      seq: expect.any(Number),
    });
    const info = await watchToEnd(nc, runId);
    expect(info).toMatchObject({ runId, status: "completed", output: { sum: 6, inOrder: true } });
    expect(await ask(nc, "result", { runId })).toEqual({ output: { sum: 6, inOrder: true } });

    const contexts = await new Kvm(nc).open(`${NAMESPACE}-context`);
    const checkpoint = (await contexts.get(tokenOf(runId)))?.json<{ outputs: unknown[] }>();
    expect(checkpoint?.outputs.at(-1)).toEqual({ sum: 6, inOrder: true });
  });

  test("is named by its body rather than by its message id", async () => {
    await startByPublish(nc, "fan-out", { input: 1, runId: "in-the-body" }, "in-the-header");
    await watchToEnd(nc, "in-the-body");
    expect((await ask(nc, "status", { runId: "in-the-header" })).error?.code).toBe("not_found");
  });

  test("is one run when it is published again", async () => {
    const first = await startByPublish(nc, "fan-out", { input: 2 }, "twice");
    const second = await startByPublish(nc, "fan-out", { input: 2 }, "twice");
    expect(second).toMatchObject({ seq: first.seq, duplicate: true });
  });

  test("needs no id", async () => {
    const ended = watchRuns(nc, "fallback.completed.*", () => true);
    await startByPublish(nc, "fallback", { input: "ok" });
    expect(await ended).toMatchObject({
      output: "fine",
      runId: expect.stringMatching(/^[\w-]{36}$/),
    });
  });

  test("meets nobody where the subject is none", async () => {
    await expect(startByPublish(nc, "fan.out", { input: 1 })).rejects.toThrow(/no responders/);
  });
});

describe("a run started by request", () => {
  test("is waited for", async () => {
    const { runId } = await ask(nc, "start", { workflow: "fan-out", input: 4 });
    expect(await ask(nc, "wait", { runId, timeoutMs: 10_000 })).toMatchObject({
      status: "completed",
      output: { sum: 12, inOrder: true },
    });
  });

  test("is refused at once where its input does not fit", async () => {
    const answer = await askRaw(nc, "start", '{"workflow":"fan-out","input":"four"}');
    expect(answer.headers?.get("Nats-Service-Error-Code")).toBe("400");
    expect(answer.headers?.get("Nats-Service-Error")).toMatch(/fan-out/);
    expect(answer.json<Reply>().error).toMatchObject({
      code: "validation",
      details: { issues: [{ path: "", message: expect.any(String) }] },
    });
  });

  test("is refused where its id belongs to another run", async () => {
    await ask(nc, "start", { workflow: "fan-out", input: 1, runId: "taken" });
    const again = await ask(nc, "start", { workflow: "fan-out", input: 1, runId: "taken" });
    expect(again).toEqual({ runId: "taken" });
    const other = await ask(nc, "start", { workflow: "fan-out", input: 2, runId: "taken" });
    expect(other.error?.code).toBe("conflict");
  });
});

describe("a run that waits", () => {
  test("is released by a signal", async () => {
    const runId = "to-be-signalled";
    await startByPublish(nc, "approval", { input: { timeoutMs: null } }, runId);
    await eventually(async () => {
      const { items } = await ask(nc, "items", { runId });
      expect(items).toMatchObject([{ item: 1, node: "ask", state: "held", waitsFor: "approval" }]);
    });
    const payload = { by: "the mail", ok: true };
    const signal = { runId, name: "approval", payload, signalId: "mail-17" };
    expect(await ask(nc, "signal", signal)).toEqual({ runId });
    expect((await watchToEnd(nc, runId)).output).toBe("approved by the mail");
  });

  test("is cancelled, and stays so", async () => {
    const runId = "to-be-cancelled";
    await startByPublish(nc, "approval", { input: { timeoutMs: 60_000 } }, runId);
    await watchRuns(nc, `*.running.${runId}`, () => true);
    expect(await ask(nc, "cancel", { runId })).toEqual({ runId });
    expect((await watchToEnd(nc, runId)).status).toBe("cancelled");
    const signal = { runId, name: "approval", payload: { by: "x", ok: true } };
    expect((await ask(nc, "signal", signal)).error?.code).toBe("illegal_state");
    expect((await ask(nc, "result", { runId })).error?.code).toBe("cancelled");
    expect(await ask(nc, "pending", { runId })).toMatchObject({ queued: 0 });
  });

  test("is paused and goes on", async () => {
    const runId = "to-be-paused";
    await ask(nc, "start", { workflow: "approval", input: { timeoutMs: null }, runId });
    expect(await ask(nc, "pause", { runId })).toEqual({ runId });
    await ask(nc, "signal", { runId, name: "approval", payload: { by: "x", ok: false } });
    expect(await ask(nc, "status", { runId })).toMatchObject({ status: "paused" });
    const late = await ask(nc, "wait", { runId, timeoutMs: 1 });
    expect(late.error?.code).toBe("timeout");
    await ask(nc, "resume", { runId });
    expect((await watchToEnd(nc, runId)).output).toBe("refused by x");
  });
});

describe("a start request that does not fit", () => {
  test("becomes a dead letter with its reason, and no run", async () => {
    await startByPublish(nc, "fan-out", '{"input":"three"}', "misfit/1");
    const letter = await eventually(async () => {
      const { letters } = await ask(nc, "dead-letters", { limit: 1 });
      const [newest] = letters as Record<string, unknown>[];
      expect(newest).toMatchObject({ runId: "misfit/1" });
      return newest;
    });
    expect(letter).toMatchObject({
      code: "validation",
      reason: expect.stringMatching(/the input of workflow "fan-out" does not fit/),
      subject: `${NAMESPACE}.start.fan-out`,
      workflow: "fan-out",
      body: '{"input":"three"}',
    });
    expect((await ask(nc, "status", { runId: "misfit/1" })).error?.code).toBe("not_found");

    const direct = await nc.request(
      `$JS.API.DIRECT.GET.${NAMESPACE}-dead.${NAMESPACE}.dead.fan-out`,
    );
    expect(direct.string()).toBe('{"input":"three"}');
    expect(direct.headers?.get("Floxide-Code")).toBe("validation");
    expect(direct.headers?.get("Floxide-Run")).toBe("misfit=2F1");
  });

  test("with the id of another run becomes one too", async () => {
    await startByPublish(nc, "fan-out", { input: 1, runId: "mine" });
    await watchToEnd(nc, "mine");
    await startByPublish(nc, "fan-out", { input: 2, runId: "mine" });
    await eventually(async () => {
      const { letters } = await ask(nc, "dead-letters", { limit: 1 });
      expect(letters).toMatchObject([{ runId: "mine", code: "conflict" }]);
    });
  });
});

describe("what happens to a run", () => {
  test("comes by as events", async () => {
    const seen: { readonly number: number; readonly kind: string }[] = [];
    nc.subscribe(`${NAMESPACE}.history.fan-out.followed`, {
      callback: (_error, msg) => void seen.push(...msg.json<typeof seen>()),
    });
    await startByPublish(nc, "fan-out", { input: 2 }, "followed");
    await watchToEnd(nc, "followed");
    await eventually(() => expect(seen.at(-1)?.kind).toBe("run.completed"));
    expect(seen.map(({ number }) => number)).toEqual(seen.map((_, i) => i + 1));
    const { events } = await ask(nc, "history", { runId: "followed", after: 1, limit: 2 });
    expect(events).toMatchObject([{ number: 2 }, { number: 3 }]);
  });

  test("is counted", async () => {
    await startByPublish(nc, "fan-out", { input: 2 }, "counted");
    await watchToEnd(nc, "counted");
    expect(await ask(nc, "metrics", { runId: "counted" })).toMatchObject({
      items: 4,
      completed: 4,
      nodes: { double: { completed: 2 } },
    });
    expect(await ask(nc, "context", { runId: "counted" })).toEqual({ context: { seen: 2 } });
    expect(await ask(nc, "outputs", { runId: "counted" })).toEqual({
      outputs: [{ sum: 2, inOrder: true }],
    });
    expect(await ask(nc, "errors", { runId: "counted" })).toEqual({ errors: [] });
  });
});

describe("the system", () => {
  test("lists runs, a page at a time", async () => {
    for (const runId of ["page-1", "page-2", "page-3"]) {
      await ask(nc, "start", { workflow: "fallback", input: "ok", runId });
      await watchToEnd(nc, runId);
    }
    const filter = { workflow: "fallback", status: "completed", limit: 2 };
    const first = await ask(nc, "list", filter);
    expect(first["items"]).toMatchObject([{ runId: "page-3" }, { runId: "page-2" }]);
    const second = await ask(nc, "list", { ...filter, cursor: first["cursor"] });
    expect(second["items"]).toMatchObject([{ runId: "page-1" }, {}]);
    expect(second["cursor"]).toBeNull();
  });

  test("lists workers, workflows and what waits", async () => {
    expect(await ask(nc, "workers")).toMatchObject({ workers: [{ liveness: "alive" }] });
    const { workflows } = await ask(nc, "workflows");
    expect(workflows).toContainEqual(
      expect.objectContaining({ name: "fan-out", start: "fan", inputSchema: expect.anything() }),
    );
    expect((await askRaw(nc, "backlog", "")).json<Reply>()["backlog"]).toHaveLength(3);
    expect(await ask(nc, "repair")).toMatchObject({ items: 0, starts: 0 });
  });

  test("says which verbs there are", async () => {
    expect((await ask(nc, "stauts", {})).error?.code).toBe("not_found");
    const info = await nc.request(`$SRV.INFO.${NAMESPACE}-api`);
    const { endpoints } = info.json<{ endpoints: { name: string; subject: string }[] }>();
    expect(endpoints).toContainEqual(
      expect.objectContaining({ name: "status", subject: `${NAMESPACE}.api.status` }),
    );
  });
});
