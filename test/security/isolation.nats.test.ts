import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  type HistoryEvent,
  type JetStreamOptions,
  OrchestratorService,
} from "../../src/index.ts";
import { pageAt } from "../docs/pages.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain, flaky } from "../support/flows.ts";
import { startTestServer, type TestServerOptions } from "../support/nats-server.ts";

const workflows = [chain(2), approval, flaky];

/** A server that ends after everything that is on it. */
async function started(options: TestServerOptions = {}): Promise<string> {
  const server = await startTestServer(options);
  onTestFinished(() => server.stop());
  return server.url;
}

/** One floxide: a service, a worker, a client, and a plain connection beside them. */
interface System {
  readonly client: DistributedOrchestrator;
  readonly worker: DistributedWorker;
  readonly nats: NatsConnection;
  readonly namespace: string;
}

async function system(options: JetStreamOptions, workerId: string): Promise<System> {
  const { servers = "", user, pass, namespace = "floxide" } = options;
  const service = await OrchestratorService.connect({ ...options, workflows });
  const client = await DistributedOrchestrator.connect({ ...options, workflows });
  const worker = await DistributedWorker.connect({ ...options, workflows, workerId, graceMs: 0 });
  await Promise.all([service.start(), worker.start()]);
  const login = user === undefined ? {} : { user, pass: pass ?? "" };
  const nats = await connect({ servers: [servers].flat(), ...login });
  onTestFinished(async () => {
    await Promise.all([service.stop(), worker.stop(), client.close(), nats.close()]);
  });
  return { client, worker, nats, namespace };
}

/** Same workflows, same run ids: what is done in one is not seen in the other. */
async function areApart(one: System, other: System): Promise<void> {
  const systems = [one, other];
  // Ends are told to those who wait here, and to nobody else.
  await one.client.startRun("approval", { timeoutMs: null }, { runId: "held" });
  await other.client.startRun("approval", { timeoutMs: null }, { runId: "held" });
  await Promise.all(systems.map(({ client }) => eventually(() => isHeld(client))));

  const waits = systems.map(({ client }) => client.waitForCompletion("held"));
  await one.client.signal("held", "approval", { by: "one", ok: true });
  expect(await waits[0]).toMatchObject({ output: "approved by one" });
  expect(await other.client.run("held")).toMatchObject({ status: "running" });
  await other.client.pause("held");
  expect(await other.client.run("held")).toMatchObject({ status: "paused" });
  expect(await one.client.run("held")).toMatchObject({ status: "completed" });
  await other.client.cancel("held");
  expect(await waits[1]).toMatchObject({ status: "cancelled" });
  expect(await one.client.run("held")).toMatchObject({ status: "completed" });

  // Numbers tell which of the two a run belongs to.
  for (const [i, { client }] of systems.entries()) {
    await client.startRun("chain", i * 100, { runId: "same" });
    await client.startRun("flaky", { failures: i }, { runId: "flaky" });
  }
  for (const [i, { client, worker }] of systems.entries()) {
    expect(await client.waitForCompletion("same")).toMatchObject({ output: i * 100 + 2 });
    expect(await client.waitForCompletion("flaky")).toMatchObject({ output: i + 1 });
    expect(await client.result("same")).toBe(i * 100 + 2);
    const { items } = await client.listRuns();
    expect(items.map(({ runId }) => runId).sort()).toEqual(["flaky", "held", "same"]);
    expect((await client.listWorkerHealth()).map(({ workerId }) => workerId)).toEqual([
      worker.workerId,
    ]);
    await eventually(async () => {
      expect(await client.errors("flaky")).toHaveLength(i);
      expect(await client.metrics("flaky")).toMatchObject({ retries: i });
      const events: readonly HistoryEvent[] = await client.history("flaky");
      expect(new Set(events.map(({ by }) => by))).toEqual(new Set([worker.workerId]));
    });
  }

  // A command by hand, and a request to the API: each reaches its own.
  for (const { nats, namespace, worker } of systems) {
    const command = JSON.stringify({ type: "resume", runId: "same", revision: 1 });
    const heard = await nats.request(`${namespace}.control.same`, command);
    expect(heard.json()).toEqual({ workerId: worker.workerId });
    const listed = await nats.request(`${namespace}.api.workers`, "{}");
    expect(listed.json()).toMatchObject({ workers: [{ workerId: worker.workerId }] });
  }
}

async function isHeld(client: DistributedOrchestrator): Promise<void> {
  expect(await client.listWorkItems("held")).toMatchObject([{ state: "held" }]);
}

test("two namespaces on one server know nothing of each other", async () => {
  const servers = await started();
  // One begins as the other does: no subject or name is cut short.
  const one = await system({ servers, namespace: "flo" }, "worker-one");
  const other = await system({ servers, namespace: "flo-work" }, "worker-other");
  await areApart(one, other);
});

const USERS = {
  ONE: { users: [{ user: "one", password: "1" }], jetstream: "enabled" },
  OTHER: { users: [{ user: "other", password: "2" }], jetstream: "enabled" },
};

test("two accounts with one namespace know nothing of each other", async () => {
  const servers = await started({ settings: { jetstream: {}, accounts: USERS } });
  const one = await system({ servers, user: "one", pass: "1" }, "worker-one");
  const other = await system({ servers, user: "other", pass: "2" }, "worker-other");
  await areApart(one, other);
});

describe("an account that imports verbs of the API, as docs/security.md shows it", () => {
  const shown = pageAt("docs/security.md").fences.find(({ label }) => label === "accounts");
  const settings = {
    jetstream: {},
    ...(JSON.parse((shown?.code ?? "").replaceAll("order", "chain")) as object),
  };
  const pass = "...";

  test("uses them, and reaches nothing else, whatever its users may do in it", async () => {
    const servers = await started({ settings });
    const { client } = await system({ servers, user: "orchestrator", pass }, "worker-one");
    const shop = await connect({ servers, user: "shop", pass });
    onTestFinished(() => shop.close());
    const ask = async (verb: string, request: object) =>
      (
        await shop.request(`floxide.api.${verb}`, JSON.stringify(request), { timeout: 5_000 })
      ).json();
    expect(await ask("start.chain", { input: 1, runId: "shop-1" })).toEqual({ runId: "shop-1" });
    expect(await ask("wait", { runId: "shop-1" })).toMatchObject({ output: 3 });
    for (const subject of ["floxide.api.list", "floxide.start.chain"]) {
      await expect(shop.request(subject, "{}")).rejects.toThrow(/no responders/i);
    }
    const streams = await shop.request("$JS.API.STREAM.NAMES", "");
    expect(streams.json()).toMatchObject({ error: { code: 503 } });
    // An answer to another subject stays in the account of who asked.
    shop.publish("floxide.api.wait", '{"runId":"shop-1"}', { reply: "$KV.floxide-context.x" });
    expect(await ask("wait", { runId: "shop-1" })).toMatchObject({ output: 3 });
    await expect(client.context("x")).rejects.toMatchObject({ code: "not_found" });
  });
});
