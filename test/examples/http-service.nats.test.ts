import type { AddressInfo } from "node:net";
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { serve, text } from "../../examples/09-http-service.ts";
import { DistributedOrchestrator, DistributedWorker } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";

test("09 starts runs, tells how they are, and refuses what does not fit", async () => {
  await using nats = await startTestServer();
  const connection = await connect({ servers: nats.url, maxReconnectAttempts: -1 });
  const workflows = [text];
  const orchestrator = await DistributedOrchestrator.connect({ connection, workflows });
  const worker = await DistributedWorker.connect({ connection, workflows });
  await worker.start();
  const http = serve(orchestrator).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const call = async (method: string, path: string, body?: string, key?: string) => {
    const headers = key === undefined ? {} : { "idempotency-key": key };
    const response = await fetch(base + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  const started = await call("POST", "/runs/text", '" some   text "', "key 1");
  expect(started).toEqual({ code: 202, body: { runId: "key 1" } });
  await eventually(async () => {
    expect(await call("GET", "/runs/key%201")).toEqual({
      code: 200,
      body: {
        runId: "key 1",
        status: "completed",
        result: { text: "some text", words: 2, characters: 9 },
      },
    });
  });
  expect(await call("POST", "/runs/text", '" some   text "', "key 1")).toEqual(started);
  expect(await call("POST", "/runs/text", '"other"', "key 1")).toMatchObject({ code: 409 });
  expect(await call("POST", "/runs/text", "42")).toMatchObject({
    code: 400,
    body: { code: "validation" },
  });
  expect(await call("POST", "/runs/text", "{")).toMatchObject({ code: 400 });
  expect(await call("POST", "/runs/nothing", "1")).toMatchObject({ code: 404 });
  expect(await call("GET", "/runs/nobody")).toMatchObject({
    code: 404,
    body: { code: "not_found" },
  });
  expect(await call("GET", "/")).toMatchObject({ code: 404 });

  http.closeAllConnections();
  http.close();
  await worker.stop();
  await orchestrator.close();
  // The connection is the host's: it is still open.
  expect(connection.isClosed()).toBe(false);
  await connection.close();
});
