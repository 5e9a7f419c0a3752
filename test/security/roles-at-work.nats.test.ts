import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  OrchestratorService,
} from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain, fallback, fanOut, flaky } from "../support/flows.ts";
import { shell } from "./shell.ts";
import { ask, GuardedServer, keepingLogger } from "./support.ts";

// Every process with the permissions of its role, and nothing more: what each must be able to do.

const workflows = [chain(3), approval, fallback, fanOut, flaky];
const names = workflows.map(({ name }) => name);
const log = keepingLogger();

let guarded: GuardedServer;
let starter: NatsConnection;
let observer: NatsConnection;
let operator: NatsConnection;

beforeAll(async () => {
  guarded = await GuardedServer.start([
    { role: "orchestrator" },
    { role: "worker", workflows: names },
    { role: "worker", user: "any-worker" },
    { role: "starter", workflows: names },
    { role: "starter", user: "shop", workflows: ["chain"] },
    { role: "starter", user: "publisher", workflows: ["chain"], direct: true },
    { role: "observer" },
    { role: "observer", user: "reader", direct: true },
    { role: "operator" },
    { role: "operator", user: "chief", direct: true },
  ]);
  // The orchestrator comes first: it makes the streams, which nobody else may.
  const service = await OrchestratorService.connect({
    ...guarded.as("orchestrator"),
    workflows,
    logger: log,
    repairEveryMs: 100,
  });
  await guarded.closing(service).start();
  await startWorker("worker");
  [starter, observer, operator] = (await Promise.all(
    ["starter", "observer", "operator"].map((user) => guarded.plain(user)),
  )) as [NatsConnection, NatsConnection, NatsConnection];
});
afterAll(() => guarded[Symbol.asyncDispose]());

async function startWorker(user: string): Promise<DistributedWorker> {
  const worker = await DistributedWorker.connect({
    ...guarded.as(user),
    workflows,
    logger: log,
    workerId: user,
    heartbeatMs: 100,
    graceMs: 500,
  });
  await guarded.closing(worker).start();
  return worker;
}

interface Run {
  readonly runId: string;
  readonly status: string;
  readonly output?: unknown;
}

const start = async (workflow: string, input: unknown): Promise<string> =>
  (await ask<Run>(starter, `start.${workflow}`, { input })).runId;
const wait = (runId: string) => ask<Run>(observer, "wait", { runId, timeoutMs: 8_000 });

describe("a starter", () => {
  test.each([
    ["chain", 1, 4],
    ["fan-out", 40, { sum: 1560, inOrder: true }],
    ["flaky", { failures: 2 }, 3],
    ["fallback", "bad", "rescued bad"],
    ["approval", { timeoutMs: 30 }, "refused by nobody"],
  ])("starts %s, and the worker takes it to its end", async (workflow, input, output) => {
    expect(await wait(await start(workflow, input))).toMatchObject({ status: "completed", output });
  });

  test("is told what its input lacks", async () => {
    expect(await ask(starter, "start.chain", { input: "one" })).toMatchObject({
      error: { code: "validation" },
    });
  });

  test("cannot say another workflow in the body than in the subject", async () => {
    const shop = await guarded.plain("shop");
    const answer = await ask(shop, "start.chain", { workflow: "flaky", input: { failures: 0 } });
    expect(answer).toMatchObject({ error: { code: "validation", details: { workflow: "chain" } } });
    await expect(ask(shop, "start.flaky", { input: { failures: 0 } })).rejects.toThrow(
      /permissions violation/i,
    );
  });

  test("that is direct publishes start requests, and is told that they are kept", async () => {
    const publisher = await guarded.plain("publisher");
    const answer = await publisher.request(
      "floxide.start.chain",
      '{"runId":"published","input":1}',
    );
    expect(answer.json()).toMatchObject({ stream: "floxide-work" });
    expect(await eventually(() => known("published"))).toMatchObject({ output: 4 });
  });
});

/** The run's info when it has ended. A run that was published is known as soon as a worker has it. */
async function known(runId: string): Promise<Run> {
  const info = await wait(runId);
  expect(info).toMatchObject({ status: "completed" });
  return info;
}

describe("an observer", () => {
  test("sees status, result, errors, metrics, context, history, items and lists", async () => {
    const runId = await start("flaky", { failures: 1 });
    await wait(runId);
    const of = { runId };
    expect(await ask(observer, "status", of)).toMatchObject({ status: "completed" });
    expect(await ask(observer, "result", of)).toEqual({ output: 2 });
    expect(await ask(observer, "outputs", of)).toEqual({ outputs: [2] });
    await eventually(async () => {
      expect(await ask(observer, "errors", of)).toMatchObject({ errors: [{ runId }] });
      expect(await ask(observer, "metrics", of)).toMatchObject({ runId });
      const { events } = await ask<{ events: object[] }>(observer, "history", of);
      expect(events.length).toBeGreaterThan(2);
    });
    expect(await ask(observer, "context", of)).toEqual({ context: {} });
    expect(await ask(observer, "items", of)).toEqual({ items: [] });
    expect(await ask(observer, "pending", of)).toMatchObject({ items: [] });
    const { items } = await ask<{ items: Run[] }>(observer, "list", { workflow: "flaky" });
    expect(items.map((run) => run.runId)).toContain(runId);
    expect(await ask(observer, "workers")).toMatchObject({ workers: [{ workerId: "worker" }] });
    expect(await ask(observer, "dead-letters")).toEqual({ letters: [] });
    const { backlog } = await ask<{ backlog: object[] }>(observer, "backlog");
    expect(backlog).toHaveLength(names.length);
  });

  test("finds the service by the questions of NATS micro tools", async () => {
    for (const subject of ["$SRV.PING", "$SRV.INFO.floxide-api", "$SRV.STATS.floxide-api"]) {
      const answer = await observer.request(subject, "");
      expect(answer.json()).toMatchObject({ name: "floxide-api" });
    }
  });

  test("that is direct looks with a client of its own, and follows ends and history", async () => {
    const log = keepingLogger();
    const reader = guarded.closing(
      await DistributedOrchestrator.connect({ ...guarded.as("reader"), logger: log }),
    );
    const heard: string[] = [];
    const plain = await guarded.plain("reader");
    plain.subscribe("floxide.history.chain.*", {
      callback: (_error, { subject }) => {
        heard.push(subject);
      },
    });
    const consumer = await jetstream(plain).consumers.get("floxide-history", {
      filter_subjects: "floxide.history.chain.*",
    });
    const watch = await (await new Kvm(plain).open("floxide-runs")).watch({ key: "chain.*.*" });
    const runId = await start("chain", 5);
    expect(await reader.waitForCompletion(runId)).toMatchObject({ status: "completed" });
    expect(await reader.result(runId)).toBe(8);
    expect(await reader.errors(runId)).toEqual([]);
    expect(await reader.context(runId)).toEqual({});
    expect(await reader.pendingWork(runId)).toMatchObject({ items: [] });
    await eventually(async () => {
      expect(await reader.metrics(runId)).toMatchObject({ runId });
      expect(await reader.history(runId)).not.toEqual([]);
      expect(heard).toContain(`floxide.history.chain.${runId}`);
    });
    for await (const { key } of watch) if (key === `chain.completed.${runId}`) break;
    expect((await consumer.next())?.subject).toMatch(/^floxide\.history\.chain\./);
    expect((await reader.listRuns()).items.map((run) => run.runId)).toContain(runId);
    expect(await reader.listWorkerHealth()).not.toEqual([]);
    expect(await reader.backlog()).toHaveLength(names.length);
    expect(await reader.deadLetters()).toEqual([]);
    expect(log.text()).not.toMatch(/wrong|permission/);
  });
});

describe("an operator", () => {
  test("pauses, resumes, signals and cancels", async () => {
    const approved = await start("approval", { timeoutMs: null });
    const cancelled = await start("approval", { timeoutMs: null });
    await Promise.all([approved, cancelled].map(held));
    expect(await ask(operator, "pause", { runId: approved })).toEqual({ runId: approved });
    expect(await ask(operator, "status", { runId: approved })).toMatchObject({ status: "paused" });
    expect(await ask(operator, "resume", { runId: approved })).toEqual({ runId: approved });
    const signal = { runId: approved, name: "approval", payload: { by: "Ann", ok: true } };
    expect(await ask(operator, "signal", signal)).toEqual({ runId: approved });
    expect(await wait(approved)).toMatchObject({ output: "approved by Ann" });
    expect(await ask(operator, "cancel", { runId: cancelled })).toEqual({ runId: cancelled });
    expect(await wait(cancelled)).toMatchObject({ status: "cancelled" });
    expect(await ask(operator, "repair")).toMatchObject({ runs: 0 });
  });

  test("that is direct does so with a client of its own", async () => {
    const log = keepingLogger();
    const chief = guarded.closing(
      await DistributedOrchestrator.connect({ ...guarded.as("chief"), workflows, logger: log }),
    );
    const approved = await start("approval", { timeoutMs: 600_000 });
    const cancelled = await start("approval", { timeoutMs: 600_000 });
    await Promise.all([approved, cancelled].map(held));
    await chief.pause(approved);
    await chief.resume(approved);
    await chief.signal(approved, "approval", { by: "Bob", ok: true });
    expect(await chief.waitForCompletion(approved)).toMatchObject({ output: "approved by Bob" });
    await chief.cancel(cancelled);
    expect(await chief.run(cancelled)).toMatchObject({ status: "cancelled" });
    await chief.repair();
    expect(log.text()).not.toMatch(/wrong|permission|did not answer/);
  });
});

describe("a command line", () => {
  const envOf = (user: string) => {
    const { servers, pass, inboxPrefix } = guarded.as(user);
    return {
      NATS_URL: String(servers),
      NATS_USER: user,
      NATS_PASSWORD: pass,
      NATS_INBOX_PREFIX: inboxPrefix,
    };
  };
  /** With `json` for the answer. */
  const as = (user: string, ...args: readonly string[]) =>
    shell([...args, "--json"], { ...envOf(user), FLOXIDE_THROUGH_API: "1" });

  test("starts as starter, looks as observer, steers as operator", async () => {
    const input = '{"timeoutMs":null}';
    const started = await as("starter", "start", "approval", input, "--run-id", "typed");
    expect(started).toMatchObject({ code: 0, err: "" });
    await held("typed");
    for (const args of [
      ...["status", "metrics", "context", "errors", "history", "pending", "items"].map((name) => [
        name,
        "typed",
      ]),
      ...[["list"], ["workers"], ["pending"], ["dead-letters"]],
    ]) {
      expect(await as("observer", ...args), args.join(" ")).toMatchObject({ code: 0, err: "" });
    }
    for (const name of ["pause", "resume"]) {
      expect(await as("operator", name, "typed")).toMatchObject({ code: 0, err: "" });
    }
    const payload = '{"by":"Ann","ok":true}';
    expect(await as("operator", "signal", "typed", "approval", payload)).toMatchObject({ code: 0 });
    const { code, out } = await as("observer", "wait", "typed");
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, output: "approved by Ann" });
    expect(await as("operator", "repair")).toMatchObject({ code: 0, err: "" });
  });

  test.each([
    ["observer", "list"],
    ["observer", "wait", "typed"],
    ["operator", "repair"],
  ])("that a role may not use so says in one line what it needs: %s, %s", async (user, ...args) => {
    const { code, out, err } = await shell(args, envOf(user));
    expect({ code, out }).toEqual({ code: 6, out: "" });
    expect(err).toMatch(
      /^floxide: [^\n]*: the permission is missing; a user of a role that goes through the API needs --through-api \(FLOXIDE_THROUGH_API=1\)\n$/,
    );
    const { err: logged } = await shell([...args, "--log-level", "warn"], envOf(user));
    expect(logged).toContain("NATS refuses the subject");
  });

  test("starts as starter, and says so where it may not wait", async () => {
    const start = ["start", "chain", "1", "--run-id", "unseen", "--wait", "--quiet"];
    const ended = await shell([...start, "--through-api"], envOf("starter"));
    expect(ended).toEqual({
      code: 6,
      out: "unseen\n",
      err: expect.stringMatching(
        /^floxide: run "unseen" was started; waiting for it failed: [^\n]*"floxide\.api\.wait": the permission is missing\n$/,
      ),
    });
    expect(await wait("unseen")).toMatchObject({ output: 4 });
  });

  test("is refused what the role may not, with the subject", async () => {
    const { code, err } = await as("observer", "cancel", "typed");
    expect(code).toBe(6);
    expect(JSON.parse(err)).toMatchObject({
      error: {
        code: "backend",
        message: expect.stringContaining('may not publish on "floxide.api.cancel"'),
      },
    });
  });
});

/** Waits until the run waits for its signal. */
async function held(runId: string): Promise<void> {
  await eventually(async () => {
    const { items } = await ask<{ items: object[] }>(observer, "items", { runId });
    expect(items).toMatchObject([{ state: "held" }]);
  });
}

describe("a worker", () => {
  test("for all workflows does the same work", async () => {
    const worker = await startWorker("any-worker");
    const before = worker.health().completed;
    await eventually(async () => {
      await wait(await start("fan-out", 20));
      expect(worker.health().completed).toBeGreaterThan(before);
    });
    await worker.stop();
    const { workers } = await ask<{ workers: { workerId: string }[] }>(observer, "workers");
    expect(workers.map(({ workerId }) => workerId)).toEqual(["worker"]);
  });

  test("writes dead letters", async () => {
    const publisher = await guarded.plain("publisher");
    await publisher.request("floxide.start.chain", '{"input":"one"}');
    await eventually(async () => {
      expect(await ask(observer, "dead-letters")).toMatchObject({
        letters: [{ workflow: "chain" }],
      });
    });
  });
});

test("nobody was refused anything meanwhile", () => {
  expect(log.text()).not.toMatch(/wrong|may not|permission/i);
});
