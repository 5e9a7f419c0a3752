import { expect, test } from "vitest";
import { DistributedWorker } from "../../src/index.ts";
import { chain } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";

test("a worker stops soon after its grace although the server is gone", async () => {
  await using server = await startTestServer();
  const worker = await DistributedWorker.connect({
    servers: server.url,
    workflows: [chain(1)],
    heartbeatMs: 200,
    graceMs: 100,
  });
  await worker.start();
  await server.kill();
  const stopped = await Promise.race([
    worker.stop().then(() => "stopped"),
    // The patience of one write is two minutes: waiting for that is what must not happen.
    new Promise((resolve) => setTimeout(() => resolve("still there"), 30_000).unref()),
  ]);
  expect(stopped).toBe("stopped");
}, 60_000);
