import { headers, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Backend } from "../../src/core/ports/backend.ts";
import type { Delivery } from "../../src/core/ports/work-queue.ts";
import { hold, next, node, OrchestratorService, split, workflow } from "../../src/index.ts";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { headersOf } from "../../src/jetstream/headers-of.ts";
import { RawHeaders } from "../../src/jetstream/raw-headers.ts";
import { signatureOf } from "../../src/jetstream/signature.ts";
import { newKeyPair, readSigningKey } from "../../src/jetstream/signing-keys.ts";
import { recordingLogger } from "../jetstream/support.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

const mine = newKeyPair();
const SIGNED = { signingKey: mine.privateKey, trustedKeys: mine.publicKey };
const UNSIGNED = { signingKey: undefined, trustedKeys: undefined };

/** What was executed, as `<run id>/<node>`. */
let executed: string[] = [];

beforeEach(() => {
  executed = [];
});

const step = node({
  input: z.number(),
  output: z.number(),
  run: (c, n) => {
    executed.push(`${c.run.id}/${c.node}`);
    return next(n + 1);
  },
});

const single = (name: string) =>
  workflow({ name, version: 1, nodes: { only: step }, start: "only", edges: { only: [] } });

const plain = single("plain");
const other = single("other");

/** Forks, waits for a signal or a time in each branch, fails once so that a schedule must bring it back, and joins. */
const all = workflow({
  name: "all",
  version: 1,
  nodes: {
    fork: split({ input: z.number(), output: z.number(), into: (n) => [...Array(n).keys()] }),
    wait: node({
      input: z.number(),
      output: z.number(),
      signals: { go: z.number() },
      run: (c, n) => {
        if (c.wake === null) return hold({ for: "go", ...(n === 0 ? {} : { timeoutMs: 300 }) });
        return next(c.wake.type === "timeout" ? n : n + c.wake.payload);
      },
    }),
    flaky: node({
      input: z.number(),
      output: z.number(),
      // Longer than what the message in hand is given back for: a schedule.
      retry: { maxAttempts: 2, initialMs: 1_100, backoff: "constant", jitter: 0 },
      run: (c, n) => {
        if (n === 1 && c.attempt === 1) throw new Error("once");
        return next(n);
      },
    }),
    sum: node({
      input: z.array(z.number()),
      output: z.number(),
      run: (_c, numbers) => next(numbers.reduce((a, b) => a + b, 0)),
    }),
  },
  start: "fork",
  edges: { fork: ["wait"], wait: ["flaky"], flaky: { join: "sum" }, sum: [] },
});

/** Waits for an hour. */
const sleepy = workflow({
  name: "sleepy",
  version: 1,
  nodes: {
    only: node({
      input: z.number(),
      output: z.number(),
      run: (c, n) => {
        executed.push(`${c.run.id}/${c.node}`);
        return c.wake === null ? hold({ timeoutMs: 3_600_000 }) : next(n);
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

const WORKFLOWS = [plain, other, all, sleepy];

interface Seen {
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  readonly body: string;
}

/** Listens in, as anybody may who is allowed to subscribe. */
async function eavesdrop({ plain: nc }: LiveSystem, ...subjects: string[]): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const subject of subjects) {
    nc.subscribe(subject, {
      callback: (_error, msg: Msg) =>
        void seen.push({ subject: msg.subject, headers: headersOf(msg), body: msg.string() }),
    });
  }
  await nc.flush();
  return seen;
}

/** Publishes, and waits until the stream has it. */
async function publish(
  system: LiveSystem,
  subject: string,
  body: string,
  sent?: MsgHdrs,
): Promise<{ readonly seq: number; readonly duplicate?: boolean }> {
  const options = sent === undefined ? {} : { headers: sent };
  const answer = await system.plain.request(subject, body, { timeout: 5_000, ...options });
  const ack = answer.json<{ seq: number; duplicate?: boolean; error?: unknown }>();
  expect(ack.error).toBeUndefined();
  return ack;
}

/** The headers as they were, but for some. */
function altered(from: MsgHdrs | undefined, change: (to: MsgHdrs) => void = () => {}): MsgHdrs {
  const to = headers();
  for (const name of from?.keys() ?? []) {
    // A copy under the same id would be dropped as a repetition.
    if (name === "Nats-Msg-Id") continue;
    for (const value of from?.values(name) ?? []) to.append(name, value);
  }
  change(to);
  return to;
}

const untilEmpty = (system: LiveSystem) =>
  eventually(async () => expect(await system.queued()).toBe(0));

async function take(backend: Backend, kind: "start" | "work", name: string): Promise<Delivery> {
  const deliveries: Delivery[] = [];
  await backend.queue.pull(
    { kind, workflow: name },
    1,
    (delivery) => deliveries.push(delivery),
    AbortSignal.timeout(10_000),
  );
  const [delivery] = deliveries;
  if (delivery === undefined) throw new Error("nothing came");
  return delivery;
}

test("a signed system does everything that any other does", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const { orchestrator } = system;
  const queued = await eavesdrop(system, "floxide.work.>");
  await system.worker({ stepsInPlace: 2 });
  await system.worker({ stepsInPlace: 2 });
  const ids = ["a", "a b/größe"];
  for (const runId of ids) await orchestrator.startRun(all, 4, { runId });
  for (const runId of ids) {
    await eventually(async () =>
      expect(await orchestrator.listWorkItems(runId)).toContainEqual(
        expect.objectContaining({ state: "held", notBefore: null }),
      ),
    );
    await orchestrator.pause(runId);
    await orchestrator.signal(runId, "go", 100);
    await orchestrator.resume(runId);
  }
  for (const runId of ids) {
    await orchestrator.waitForCompletion(runId, { timeoutMs: 10_000 });
    expect(await orchestrator.result(runId)).toBe(106);
  }
  expect(await orchestrator.deadLetters()).toEqual([]);
  await untilEmpty(system);
  expect(queued.length).toBeGreaterThan(6);
  for (const { headers: sent } of queued) {
    expect(sent?.values("Floxide-Signature")).toHaveLength(1);
  }
}, 30_000);

test("the server copies a schedule's signature to the message that it makes of it", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const backend = await system.open();
  await backend.queue.prepare("plain");
  const item = {
    ...{ v: 1 as const, workflow: "plain", runId: "r", item: 3, revision: 1, version: 1 },
    ...{ fingerprint: "f", epoch: 0, turn: 0, salt: "" },
  };
  await backend.queue.schedule(item, Date.now() + 50);
  const delivery = await take(backend, "work", "plain");
  expect(delivery).toMatchObject({ subject: "floxide.work.plain.r.3", distrust: null });
  const api = `$JS.API.STREAM.MSG.GET.${backend.names.workStream}`;
  const answer = await system.plain.request(api, JSON.stringify({ seq: delivery.seq }));
  const stored = answer.json<{ message: { hdrs: string } }>().message.hdrs;
  const names = Buffer.from(stored, "base64")
    .toString("utf8")
    .split("\r\n")
    .map((line) => line.split(":")[0]);
  expect(names).toContain("Floxide-Signature");
  expect(names).not.toContain("Nats-Schedule-Target");
  // What waits is signed for where it goes: at its own subject, or at another, it is nothing.
  await backend.queue.schedule({ ...item, item: 4 }, Date.now() + 3_600_000);
  const waiting = await system.plain.request(
    `$JS.API.DIRECT.GET.${backend.names.workStream}.floxide.sched.plain.r.4.0`,
  );
  const signature = headers();
  signature.set("Floxide-Signature", waiting.headers?.get("Floxide-Signature") ?? "");
  await publish(system, "floxide.work.plain.r.5", waiting.string(), signature);
  expect((await take(backend, "work", "plain")).distrust).toMatch(/does not fit/);
  await publish(system, "floxide.work.plain.r.4", waiting.string(), signature);
  expect((await take(backend, "work", "plain")).distrust).toBeNull();
}, 15_000);

describe("what nobody who is trusted has signed", () => {
  test("is kept as a dead letter, said once, and never executed", async () => {
    await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
    const { orchestrator } = system;
    const starts = await eavesdrop(system, "floxide.start.>");
    const items = await eavesdrop(system, "floxide.work.>");
    const logger = recordingLogger();
    // One item is left waiting: its message is what forgers would like to make.
    const waiting = await orchestrator.startRun(all, 2, { runId: "waiting" });
    const first = await system.worker();
    await eventually(() => expect(items.length).toBeGreaterThan(0));
    await orchestrator.startRun(plain, 1, { runId: "genuine" });
    await orchestrator.waitForCompletion("genuine", { timeoutMs: 5_000 });
    await first.stop();
    expect(executed).toEqual(["genuine/only"]);

    const start = starts.find(({ body }) => body.includes("genuine"));
    const item = items[0];
    if (start === undefined || item === undefined) throw new Error("nothing was seen");
    expect(start.headers?.keys().sort()).toEqual(
      ["Floxide-Run-Info", "Floxide-Signature", "Floxide-Signed-At", "Nats-Msg-Id"].sort(),
    );
    const forged = JSON.stringify({ input: 1, runId: "forged", secret: undefined });
    const foreign = readSigningKey(newKeyPair().privateKey);
    const now = new Date().toISOString();
    const signedBy = (key: typeof foreign, subject: string, body: string, at = now) => {
      const to = headers();
      to.set("Floxide-Signed-At", at);
      to.set("Floxide-Signature", signatureOf(key, { subject, signedAt: at, runInfo: "", body }));
      return to;
    };
    const own = readSigningKey(mine.privateKey);
    const hoursAgo = new Date(Date.now() - 2 * 3_600_000).toISOString();
    const subject = "floxide.start.plain";
    const attacks: readonly [string, string, string, MsgHdrs | undefined][] = [
      ["a bare start", subject, forged, undefined],
      ["a bare start that names no run", subject, '{"input":1}', undefined],
      ["no start at all", subject, "\u0000", undefined],
      ["signed by a stranger", subject, forged, signedBy(foreign, subject, forged)],
      [
        "by a stranger as ours",
        subject,
        forged,
        signedBy({ ...foreign, id: own.id }, subject, forged),
      ],
      ["another body", subject, forged, altered(start.headers)],
      ["another workflow", "floxide.start.other", start.body, altered(start.headers)],
      [
        "its signature stripped",
        subject,
        start.body,
        altered(start.headers, (to) => to.delete("Floxide-Signature")),
      ],
      [
        "its flag stripped",
        subject,
        start.body,
        altered(start.headers, (to) => to.delete("Floxide-Run-Info")),
      ],
      [
        "its time moved",
        subject,
        start.body,
        altered(start.headers, (to) => to.set("Floxide-Signed-At", hoursAgo)),
      ],
      [
        "signed twice",
        subject,
        start.body,
        altered(start.headers, (to) => to.append("Floxide-Signature", "x")),
      ],
      ["signed long ago", subject, forged, signedBy(own, subject, forged, hoursAgo)],
      ["signed, for any run", subject, '{"input":1}', signedBy(own, subject, '{"input":1}')],
      ["an item as a start", subject, item.body, altered(item.headers)],
      ["a start as an item", "floxide.work.plain.genuine.1", start.body, altered(start.headers)],
      ["a bare item", item.subject, item.body, undefined],
      ["an item of another run", "floxide.work.all.genuine.2", item.body, altered(item.headers)],
      ["an item with another number", `${item.subject}0`, item.body, altered(item.headers)],
      [
        "another item",
        item.subject,
        item.body.replace('"item":', '"item":1'),
        altered(item.headers),
      ],
      [
        "an item of another workflow",
        item.subject.replace("all", "plain"),
        item.body,
        altered(item.headers),
      ],
      [
        "headers that are none",
        subject,
        forged,
        new RawHeaders("Floxide Signature: x\r\nFloxide-Signature: a\nb\r\n").toSend,
      ],
    ];
    await orchestrator.pause(waiting);
    for (const [, at, body, sent] of attacks) await publish(system, at, body, sent);
    for (let i = 0; i < 200; i++) await publish(system, subject, forged);

    const worker = await system.worker({ logger });
    await untilEmpty(system);
    const letters = await orchestrator.deadLetters({ limit: 1_000 });
    expect(letters).toHaveLength(attacks.length + 200);
    for (const letter of letters) expect(letter).toMatchObject({ code: "untrusted", runId: null });
    const mourned = letters.slice(200).reverse();
    const told = mourned.map(({ subject: at, body }) => `${at} ${body}`).sort();
    expect(told).toEqual(attacks.map(([, at, body]) => `${at} ${body}`).sort());
    expect(executed).toEqual(["genuine/only"]);
    expect(await orchestrator.status("genuine")).toBe("completed");
    await expect(orchestrator.status("forged")).rejects.toMatchObject({ code: "not_found" });

    const said = logger.lines.filter((line) => line.includes("untrusted message"));
    expect(said.length).toBeGreaterThan(4);
    expect(said.length).toBeLessThan(attacks.length);
    expect(new Set(said).size).toBeGreaterThan(3);
    expect(JSON.stringify(said)).not.toContain("forged");

    // The worker is none the worse for it, and the run whose items were forged goes on.
    expect(worker.health().errors).toBe(0);
    await orchestrator.resume(waiting);
    await orchestrator.signal(waiting, "go", 5);
    await orchestrator.waitForCompletion(waiting, { timeoutMs: 10_000 });
    expect(await orchestrator.result(waiting)).toBe(6);
  }, 30_000);

  test("cannot take the place of what is to come by using its message id", async () => {
    await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
    const { orchestrator } = system;
    for (const id of ["r1", "fx:start.r1"]) {
      const sent = headers();
      sent.set("Nats-Msg-Id", id);
      const body = JSON.stringify({ input: 1, runId: "r1", version: 1 });
      await publish(system, "floxide.start.plain", body, sent);
    }
    await orchestrator.startRun(plain, 1, { runId: "r1" });
    // The same request again is the same message.
    await orchestrator.startRun(plain, 1, { runId: "r1" });
    await system.worker();
    await orchestrator.waitForCompletion("r1", { timeoutMs: 5_000 });
    await untilEmpty(system);
    expect(executed).toEqual(["r1/only"]);
    expect(await orchestrator.deadLetters()).toMatchObject([
      { code: "untrusted" },
      { code: "untrusted" },
    ]);
  }, 15_000);

  test("is no evidence of a later state of a run", async () => {
    await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
    const { orchestrator, backend } = system;
    const worker = await system.worker();
    await orchestrator.startRun(sleepy, 1, { runId: "r" });
    await eventually(async () =>
      // A run that has not begun has one message too.
      expect(await orchestrator.pendingWork("r")).toMatchObject({ queued: 1, accepted: false }),
    );
    await worker.stop();
    const [schedule] = await backend.queue.queued("sleepy", "r");
    expect(schedule?.revision).toBeGreaterThan(0);
    const body = {
      v: 1,
      runId: "r",
      item: 2,
      turn: 0,
      revision: 1_000_000,
      version: 1,
      fingerprint: "",
    };
    const bare = altered(undefined);
    await publish(system, "floxide.work.sleepy.r.2", JSON.stringify(body), bare);
    const queued = await backend.queue.queued("sleepy", "r");
    expect(queued).toEqual(
      expect.arrayContaining([schedule, expect.objectContaining({ item: 2, revision: 0 })]),
    );
    const before = await backend.contexts.get("r");
    await orchestrator.repair({ quietMs: 0 });
    expect(await backend.contexts.get("r")).toEqual(before);
    // Who checks nothing believes it.
    const careless = await openJetStreamBackend({ servers: system.server.url });
    expect(await careless.queue.queued("sleepy", "r")).toContainEqual(
      expect.objectContaining({ item: 2, revision: 1_000_000 }),
    );
    await careless.close();
  }, 15_000);

  test("does not become trusted by a repair that puts it into the queue again", async () => {
    await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
    const { orchestrator } = system;
    await publish(system, "floxide.start.plain", '{"input":1,"runId":"bare"}');
    await orchestrator.startRun(plain, 1, { runId: "genuine" });
    const seen = await eavesdrop(system, "floxide.start.plain");
    await orchestrator.startRun(plain, 1, { runId: "model" });
    await eventually(() => expect(seen).toHaveLength(1));
    await publish(
      system,
      "floxide.start.plain",
      '{"input":1,"runId":"copied"}',
      altered(seen[0]?.headers),
    );
    // By processes with keys, with other keys, and with none.
    const strange = newKeyPair();
    for (const keys of [SIGNED, UNSIGNED, { signingKey: strange.privateKey }, SIGNED]) {
      const backend = await openJetStreamBackend({ servers: system.server.url, ...keys });
      const starts = await backend.queue.startsWaiting(10);
      expect(starts).toHaveLength(4);
      // As a repair does it, the body written anew.
      for (const start of starts) {
        const body = JSON.stringify({ ...(JSON.parse(start.body) as object), version: 1 });
        await backend.queue.requeueStart({ ...start, body });
      }
      await backend.close();
    }
    await system.worker();
    for (const id of ["genuine", "model"]) {
      await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
    }
    await untilEmpty(system);
    expect(executed.sort()).toEqual(["genuine/only", "model/only"]);
    const letters = await orchestrator.deadLetters();
    expect(letters.map(({ code, body }) => [code, /"runId":"(\w+)"/.exec(body)?.[1]])).toEqual(
      expect.arrayContaining([
        ["untrusted", "bare"],
        ["untrusted", "copied"],
      ]),
    );
    expect(letters).toHaveLength(2);
  }, 20_000);
});

test("a copy of a signed message executes nothing again", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const { orchestrator } = system;
  const seen = await eavesdrop(system, "floxide.start.>", "floxide.work.>");
  await system.worker();
  await orchestrator.startRun(plain, 1, { runId: "once" });
  await orchestrator.startRun(all, 3, { runId: "many" });
  await eventually(async () =>
    expect(await orchestrator.listWorkItems("many")).toContainEqual(
      expect.objectContaining({ state: "held", notBefore: null }),
    ),
  );
  await orchestrator.signal("many", "go", 100);
  await orchestrator.waitForCompletion("many", { timeoutMs: 10_000 });
  await untilEmpty(system);
  const before = await orchestrator.metrics("many");
  const copies = [...seen];
  expect(copies.length).toBeGreaterThan(4);
  for (const { subject, body, headers: sent } of copies) {
    await publish(system, subject, body, altered(sent));
  }
  await untilEmpty(system);
  expect(executed).toEqual(["once/only"]);
  expect(await orchestrator.metrics("many")).toEqual(before);
  expect(await orchestrator.deadLetters()).toEqual([]);
}, 20_000);

test("a copy of a schedule that comes before its time waits for it", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const { orchestrator, backend } = system;
  await system.worker();
  await orchestrator.startRun(sleepy, 1, { runId: "r" });
  const schedule = await eventually(async () => {
    const answer = await system.plain.request(
      `$JS.API.DIRECT.GET.${backend.names.workStream}.floxide.sched.sleepy.r.1.1`,
    );
    expect(answer.headers?.get("Floxide-Signature")).not.toBe("");
    return answer;
  });
  const signature = headers();
  signature.set("Floxide-Signature", schedule.headers?.get("Floxide-Signature") ?? "");
  await publish(system, "floxide.work.sleepy.r.1", schedule.string(), signature);
  await eventually(async () => {
    expect(await orchestrator.backlog()).toContainEqual(
      expect.objectContaining({ workflow: "sleepy", items: 0 }),
    );
  });
  // By then the worker has looked at what it took before.
  const after = await orchestrator.startRun(plain, 1);
  await orchestrator.waitForCompletion(after, { timeoutMs: 5_000 });
  expect(await orchestrator.listWorkItems("r")).toMatchObject([{ state: "held" }]);
  expect(executed).toEqual(["r/only", `${after}/only`]);
  expect(await orchestrator.deadLetters()).toEqual([]);
  await orchestrator.cancel("r");
  await untilEmpty(system);
}, 15_000);

test("what a worker without keys has queued is refused, and repair gets the work done", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const { orchestrator } = system;
  const ids = ["r0", "r1", "r2"];
  const careless = await system.worker({ ...UNSIGNED, concurrency: 1 });
  for (const runId of ids) await orchestrator.startRun(all, 6, { runId });
  await eventually(async () => {
    for (const id of ids) expect(await orchestrator.listWorkItems(id)).toHaveLength(6);
  });
  await careless.stop();
  expect(await system.queued()).toBeGreaterThan(0);
  await system.worker();
  await untilEmpty(system);
  const letters = await orchestrator.deadLetters({ limit: 1_000 });
  expect(letters.length).toBeGreaterThan(0);
  for (const letter of letters) {
    expect(letter).toMatchObject({ code: "untrusted", reason: "it is not signed" });
  }
  for (const id of ids) expect(await orchestrator.status(id)).toBe("running");
  for (const id of ids) await orchestrator.signal(id, "go", 1);
  await orchestrator.repair({ quietMs: 0 });
  for (const id of ids) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    expect(await orchestrator.result(id)).toBe(16);
  }
  expect(await orchestrator.deadLetters({ limit: 1_000 })).toHaveLength(letters.length);
}, 30_000);

test("keys are rotated without a pause: trusted first, then used, then the old one is dropped", async () => {
  const next = newKeyPair();
  const both = [mine.publicKey, next.publicKey];
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  const { orchestrator: old } = system;
  await old.startRun(plain, 1, { runId: "waits-from-before" });
  const renewed = await system.another({ signingKey: next.privateKey, trustedKeys: both });
  await renewed.startRun(plain, 1, { runId: "by-the-new" });
  const inBetween = await system.worker({ signingKey: mine.privateKey, trustedKeys: both });
  for (const id of ["waits-from-before", "by-the-new"]) {
    await renewed.waitForCompletion(id, { timeoutMs: 5_000 });
  }
  await inBetween.stop();
  await system.worker({ signingKey: next.privateKey, trustedKeys: next.publicKey });
  await old.startRun(plain, 1, { runId: "too-late" });
  await renewed.startRun(plain, 1, { runId: "in-time" });
  await renewed.waitForCompletion("in-time", { timeoutMs: 5_000 });
  await untilEmpty(system);
  expect(await renewed.deadLetters()).toMatchObject([
    {
      code: "untrusted",
      reason: `it is signed with the key ${mine.id}, which is not trusted here`,
    },
  ]);
  expect(executed).not.toContain("too-late/only");
}, 20_000);

test("requests through the API are signed by the service", async () => {
  await using system = await LiveSystem.start(WORKFLOWS, SIGNED);
  await using service = await OrchestratorService.connect({
    servers: system.server.url,
    workflows: WORKFLOWS,
    ...SIGNED,
  });
  await service.start();
  await system.worker();
  const ask = async (verb: string, request: object) => {
    const answer = await system.plain.request(`floxide.api.${verb}`, JSON.stringify(request), {
      timeout: 10_000,
    });
    return answer.json();
  };
  expect(await ask("start", { workflow: "plain", input: 1, runId: "asked" })).toEqual({
    runId: "asked",
  });
  expect(await ask("wait", { runId: "asked" })).toMatchObject({ status: "completed", output: 2 });
  expect(await system.orchestrator.deadLetters()).toEqual([]);
}, 15_000);
