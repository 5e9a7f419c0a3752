import type { NatsConnection } from "@nats-io/nats-core";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { ask, GuardedServer, keepingLogger } from "./support.ts";

// What permissions on subjects cannot keep somebody from who works on JetStream itself, and that it is kept from who goes
// through the API. docs/security.md says so: a server on which one of the first group fails has become better.

const log = keepingLogger();
let guarded: GuardedServer;
let admin: JetStreamBackend;
let plain: NatsConnection;

beforeAll(async () => {
  guarded = await GuardedServer.start([
    { role: "orchestrator" },
    { role: "starter", workflows: ["mine"] },
    { role: "starter", user: "publisher", workflows: ["mine"], direct: true },
    { role: "observer" },
    { role: "observer", user: "reader", direct: true },
    { role: "operator" },
    { role: "worker", workflows: ["mine"] },
  ]);
  admin = guarded.closing(await openJetStreamBackend(guarded.as("admin")));
  plain = await guarded.plain();
  const options = { ...guarded.as("orchestrator"), workflows: [chain(1, "mine")], logger: log };
  await guarded.closing(await OrchestratorService.connect(options)).start();
});
afterAll(() => guarded[Symbol.asyncDispose]());

/** Subjects of the messages in a stream. */
async function subjectsIn(stream: string): Promise<readonly string[]> {
  const filter = JSON.stringify({ subjects_filter: ">" });
  const answer = await plain.request(`$JS.API.STREAM.INFO.${stream}`, filter);
  const { state } = answer.json<{ state: { subjects?: Record<string, number> } }>();
  return Object.keys(state.subjects ?? {});
}

const waiting = (workflow: string) =>
  plain.request(`floxide.start.${workflow}`, '{"input":1}').then(() => `floxide.start.${workflow}`);

describe("on JetStream itself", () => {
  test("a reader has an answer of the server written over a checkpoint", async () => {
    const reader = await guarded.plain("reader");
    reader.publish("$JS.API.STREAM.INFO.KV_floxide-runs", "", { reply: "$KV.floxide-context.a" });
    await eventually(async () => {
      expect(await subjectsIn("KV_floxide-context")).toContain("$KV.floxide-context.a");
    });
    await expect(admin.contexts.get("a")).rejects.toMatchObject({ code: "validation" });
  });

  test("a reader has an answer of the server empty the queue", async () => {
    await waiting("theirs");
    await plain.request("$KV.floxide-runs.w.running.b", "{}");
    const reader = await guarded.plain("reader");
    reader.publish("$JS.API.DIRECT.GET.KV_floxide-runs", '{"batch":1,"next_by_subj":">"}', {
      reply: "$JS.API.STREAM.PURGE.floxide-work",
    });
    await eventually(async () => expect(await subjectsIn("floxide-work")).toEqual([]));
  });

  test("who publishes start requests of one workflow starts another by a schedule", async () => {
    const publisher = await guarded.plain("publisher");
    const fields = headers();
    fields.set("Nats-Schedule", `@at ${new Date(Date.now() + 50).toISOString()}`);
    fields.set("Nats-Schedule-Target", "floxide.start.theirs");
    await publisher.request("floxide.start.mine", '{"input":1}', {
      headers: fields,
      timeout: 5_000,
    });
    await eventually(async () => {
      expect(await subjectsIn("floxide-work")).toContain("floxide.start.theirs");
    });
  });

  test("who publishes start requests empties the queue by a rollup", async () => {
    const theirs = await waiting("theirs");
    expect(await subjectsIn("floxide-work")).toContain(theirs);
    const publisher = await guarded.plain("publisher");
    const fields = headers();
    fields.set("Nats-Rollup", "all");
    await publisher.request("floxide.start.mine", '{"input":1}', {
      headers: fields,
      timeout: 5_000,
    });
    expect(await subjectsIn("floxide-work")).toEqual(["floxide.start.mine"]);
  });
});

describe("through the API", () => {
  const elsewhere = [
    "$KV.floxide-context.c",
    "$JS.API.STREAM.PURGE.floxide-work",
    "floxide.start.theirs",
    "floxide.control.c",
    "another.system",
  ];

  test.each(elsewhere)("no answer goes to %s", async (reply) => {
    const theirs = await waiting("theirs");
    const heard: string[] = [];
    const listening = plain.subscribe(reply, {
      callback: (_error, { subject }) => {
        heard.push(subject);
      },
    });
    await plain.flush();
    const operator = await guarded.plain("operator");
    operator.publish("floxide.api.list", "{}", { reply });
    operator.publish("floxide.api.cancel", '{"runId":"c"}', { reply });
    operator.publish("$SRV.PING", "", { reply });
    await operator.flush();
    await eventually(() => expect(log.text().split(reply).length).toBeGreaterThan(3));
    // The service takes requests in order: this one is answered after those.
    await ask(operator, "list");
    expect(heard).toEqual([]);
    expect(await subjectsIn("floxide-work")).toContain(theirs);
    expect(await subjectsIn("KV_floxide-context")).not.toContain("$KV.floxide-context.c");
    listening.unsubscribe();
  });

  test("headers of a start request come to nothing", async () => {
    const theirs = await waiting("theirs");
    const starter = await guarded.plain("starter");
    const fields = headers();
    fields.set("Nats-Rollup", "all");
    fields.set("Nats-Schedule", "@at 2030-01-01T00:00:00Z");
    fields.set("Nats-Schedule-Target", theirs);
    const answer = await starter.request("floxide.api.start.mine", '{"input":1,"runId":"d"}', {
      headers: fields,
      timeout: 5_000,
    });
    expect(answer.json()).toEqual({ runId: "d" });
    const subjects = await subjectsIn("floxide-work");
    expect(subjects).toContain(theirs);
    expect(subjects).toContain("floxide.start.mine");
  });
});

test("a worker answers commands to inboxes only", async () => {
  const options = { ...guarded.as("worker"), workflows: [chain(1, "mine")], workerId: "w" };
  await guarded.closing(await DistributedWorker.connect(options)).start();
  const command = JSON.stringify({ type: "resume", runId: "e", revision: 1 });
  expect((await plain.request("floxide.control.e", command)).json()).toEqual({ workerId: "w" });
  plain.publish("floxide.control.e", command, { reply: "$KV.floxide-context.e" });
  // It takes commands in order: this one is answered after that.
  await plain.request("floxide.control.e", command);
  expect(await subjectsIn("KV_floxide-context")).not.toContain("$KV.floxide-context.e");
});
