import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { beforeAll, expect, test } from "vitest";
import { DistributedOrchestrator } from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { plainConnection } from "../jetstream/support.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gatedFlow } from "../support/gated-flow.ts";
import { LiveSystem } from "../support/live-system.ts";
import { startTestServer } from "../support/nats-server.ts";

const flow = chain(2);
let server: NatsServer;
beforeAll(async () => {
  server = await startTestServer();
  return () => server.stop();
});

test("waits fail when the host's connection is closed, and the process goes on", async () => {
  const nats = await connect({ servers: server.url });
  const lines: string[] = [];
  const error = (_fields: object | string, message?: string) => lines.push(message ?? "");
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error };
  const options = { connection: nats, namespace: "closed", workflows: [flow], logger };
  await using orchestrator = await DistributedOrchestrator.connect(options);
  const runId = await orchestrator.startRun(flow, 1);
  const waiting = orchestrator.waitForCompletion(runId);
  await sleep(300);
  await nats.close();
  await expect(waiting).rejects.toMatchObject({ code: "backend", message: /closed/ });
  expect(lines.join()).toContain("closed for good");
});

test("nothing is thrown where the connection gives up and nobody waits any more", async () => {
  await using dying = await startTestServer();
  const few = { maxReconnectAttempts: 2, reconnectTimeWait: 50 };
  const nats = await connect({ servers: dying.url, ...few });
  await using orchestrator = await DistributedOrchestrator.connect({
    connection: nats,
    workflows: [flow],
  });
  const runId = await orchestrator.startRun(flow, 1);
  const waiting = orchestrator.waitForCompletion(runId, { timeoutMs: 100 });
  await expect(waiting).rejects.toMatchObject({ code: "timeout" });
  await dying.kill();
  await nats.closed();
  // Longer than a follower waits before it tries again: what it threw then would fail this file.
  await sleep(6_000);
  await expect(orchestrator.status(runId)).rejects.toMatchObject({ code: "backend" });
});

test("a wait ends although the list came back empty and has grown past what was seen", async () => {
  const { flow: gated, go } = gatedFlow("gated");
  await using system = await LiveSystem.start([flow, gated]);
  await system.worker();
  const { orchestrator } = system;
  for (let i = 0; i < 5; i++) {
    await orchestrator.waitForCompletion(await orchestrator.startRun(flow, 1));
  }
  const runId = await orchestrator.startRun(gated, 7);
  const waiting = orchestrator.waitForCompletion(runId, { timeoutMs: 25_000 });
  await using plain = await plainConnection(system.server.url);
  const { config } = await plain.jsm.streams.info("KV_floxide-runs");
  await plain.jsm.streams.delete("KV_floxide-runs");
  await plain.jsm.streams.add(config);
  go.open();
  const other = await system.another();
  await eventually(async () => expect(await other.status(runId)).toBe("completed"));
  for (let i = 0; i < 20; i++) await other.startRun(flow, 1);
  expect(await waiting).toMatchObject({ status: "completed" });
});

test("closing waits for nothing that began during an outage", async () => {
  await using dying = await startTestServer();
  const orchestrator = await DistributedOrchestrator.connect({
    servers: dying.url,
    workflows: [flow],
  });
  const runId = await orchestrator.startRun(flow, 1);
  await dying.kill();
  await sleep(200);
  const waiting = orchestrator.waitForCompletion(runId);
  const outcome = expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  await sleep(100);
  const closing = orchestrator.close();
  await outcome;
  await expect(Promise.race([closing, sleep(15_000, "late")])).resolves.toBeUndefined();
});
