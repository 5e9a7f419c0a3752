import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { infoOf } from "../conformance/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { opened, plainConnection } from "./support.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const done = (runId: string) => infoOf(runId, { status: "completed", revision: 2 });

describe("the watch of ended runs", () => {
  it("is one consumer, however many listen", async () => {
    await using one = await opened({ servers: server.url, namespace: "shared" });
    const { runs } = one.backend;
    const heard: string[] = [];
    const stops = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        runs.watchEnded(({ runId }) => heard.push(`${i}${runId}`)),
      ),
    );
    await using plain = await plainConnection(server.url);
    const consumers = await plain.jsm.consumers.list("KV_shared-runs").next();
    expect(consumers).toHaveLength(1);
    await runs.create(done("r"));
    await eventually(() => expect(heard).toHaveLength(20));
    for (const stop of stops) stop();
  });

  it("misses nothing that ends while the connection is lost", async () => {
    await using proxy = await TcpProxy.before(server.port);
    await using behind = await opened({ servers: proxy.url, namespace: "cut" });
    await using beside = await opened({ servers: server.url, namespace: "cut" });
    const heard: string[] = [];
    await beside.backend.runs.create(done("before"));
    await behind.backend.runs.watchEnded(({ runId }) => heard.push(runId));
    for (const round of [1, 2, 3]) {
      await beside.backend.runs.create(done(`up-${round}`));
      proxy.swallowRequests();
      proxy.cut();
      await beside.backend.runs.create(done(`down-${round}`));
      await eventually(() => expect(heard).toContain(`down-${round}`));
    }
    expect(heard).toEqual(["up-1", "down-1", "up-2", "down-2", "up-3", "down-3"]);
  });

  it("misses nothing that ends while nothing was heard yet and the server restarts", async () => {
    await using restarting = await startTestServer();
    await using one = await opened({ servers: restarting.url });
    const heard: string[] = [];
    await one.backend.runs.create(done("before"));
    await one.backend.runs.watchEnded(({ runId }) => heard.push(runId));
    await restarting.kill();
    await restarting.restart();
    await one.backend.runs.create(done("after"));
    await eventually(() => expect(heard).toEqual(["after"]));
    await restarting.kill();
    await restarting.restart();
    await one.backend.runs.create(done("last"));
    await eventually(() => expect(heard).toEqual(["after", "last"]));
  });

  it("goes on when somebody deletes its consumer", async () => {
    await using one = await opened({ servers: server.url, namespace: "deleted" });
    const heard: string[] = [];
    await one.backend.runs.watchEnded(({ runId }) => heard.push(runId));
    await using plain = await plainConnection(server.url);
    const [consumer] = await plain.jsm.consumers.list("KV_deleted-runs").next();
    await plain.jsm.consumers.delete("KV_deleted-runs", consumer?.name ?? "");
    await one.backend.runs.create(done("r"));
    await eventually(() => expect(heard).toEqual(["r"]), { withinMs: 19_000 });
  });

  it("keeps up with many at once", async () => {
    await using one = await opened({ servers: server.url, namespace: "many" });
    const heard = new Set<string>();
    await one.backend.runs.watchEnded(({ runId }) => heard.add(runId));
    const ids = Array.from({ length: 3_000 }, (_, i) => `r${i}`);
    await Promise.all(ids.map((runId) => one.backend.runs.create(done(runId))));
    await eventually(() => expect(heard.size).toBe(3_000));
  });
});
