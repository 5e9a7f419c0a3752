import { setTimeout as sleep } from "node:timers/promises";
import { headers } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  OrchestratorService,
} from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { chain, single } from "../support/flows.ts";
import { LiveSystem } from "../support/live-system.ts";
import { startTestServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

// Services and connections where servers, hosts and other publishers do not behave.

const flow = chain(2);
const workflows = [flow];
let server: NatsServer;
beforeAll(async () => {
  server = await startTestServer();
  return () => server.stop();
});

test("a service that is stopped while it starts answers nobody", async () => {
  const namespace = "hasty";
  const connection = await connect({ servers: server.url });
  onTestFinished(() => connection.close());
  const service = await OrchestratorService.connect({ connection, namespace, workflows });
  const starting = expect(service.start()).rejects.toMatchObject({ code: "illegal_state" });
  await service.stop();
  await starting;
  const asked = connection.request(`${namespace}.api.list`, "{}", { timeout: 5_000 });
  await expect(asked).rejects.toThrow(/no responders/i);
});

test("a service stops within its grace where the server does not answer", async () => {
  await using proxy = await TcpProxy.before(server.port);
  const options = { servers: proxy.url, namespace: "mute", workflows, graceMs: 200 };
  const service = await OrchestratorService.connect(options);
  await service.start();
  proxy.holdReplies();
  const stopping = service.stop().then(() => "stopped");
  expect(await Promise.race([stopping, sleep(15_000, "late")])).toBe("stopped");
});

test("a service that cannot begin to listen says so with a code", async () => {
  await using dying = await startTestServer();
  const service = await OrchestratorService.connect({ servers: dying.url, workflows });
  await dying.kill();
  await sleep(200);
  await expect(service.start()).rejects.toMatchObject({ code: "backend" });
  await service.stop();
});

test("connecting waits for a connection of the host that is about to come back", async () => {
  await using restarting = await startTestServer();
  const connection = await connect({
    servers: restarting.url,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  onTestFinished(() => connection.close());
  await restarting.kill();
  await sleep(300);
  const connecting = DistributedOrchestrator.connect({ connection, workflows });
  await restarting.restart();
  await using orchestrator = await connecting;
  expect(await orchestrator.backlog()).toEqual([]);
});

test("a start is accepted under an id under which somebody published what is no start request", async () => {
  await using system = await LiveSystem.start(workflows);
  const { orchestrator, plain } = system;
  await orchestrator.startRun(flow, 1, { runId: "order-0" });
  const named = headers();
  named.set("Nats-Msg-Id", "order-1");
  await plain.request("floxide.start.chain", '{"in":1}', { headers: named, timeout: 5_000 });
  await orchestrator.startRun(flow, 1, { runId: "order-1" });
  await system.worker();
  const ended = await orchestrator.waitForCompletion("order-1", { timeoutMs: 10_000 });
  expect(ended).toMatchObject({ status: "completed", output: 3 });
});

test("a deployment with a shorter acknowledgement wait fails no run of the workers that live", async () => {
  let executions = 0;
  const slow = single(async (n) => {
    executions++;
    await sleep(6_000);
    return n;
  });
  const options = { servers: server.url, namespace: "shorter", workflows: [slow] };
  await using orchestrator = await DistributedOrchestrator.connect(options);
  const connecting = [0, 1, 2, 3].map(() => DistributedWorker.connect(options));
  const workers = await Promise.all(connecting);
  await Promise.all(workers.map((worker) => worker.start()));
  const runId = await orchestrator.startRun(slow, 7);
  await eventually(() => expect(executions).toBe(1));
  const newer = await DistributedWorker.connect({ ...options, ackWaitMs: 1_000 });
  await newer.start();
  await newer.stop();
  expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: "completed" });
  await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
});

test("a worker without workflows is told so before it connects", async () => {
  const options = { servers: "127.0.0.1:1" } as Parameters<typeof DistributedWorker.connect>[0];
  await expect(DistributedWorker.connect(options)).rejects.toMatchObject({
    code: "definition",
    message: "a worker needs workflows: an array with one or more",
  });
});
