import { connect } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import type { Heartbeat } from "../../src/core/records/liveness.ts";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { checkpointOf, heartbeatOf, infoOf, itemOf } from "../conformance/fixtures.ts";
import { nameOf, takeOne } from "../conformance/inbox.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { opened, plainConnection, recordingLogger } from "./support.ts";

const WORK = { kind: "work", workflow: "orders" } as const;

describe("opening", () => {
  it("says where nothing listens, without the password", async () => {
    const refusal = openJetStreamBackend({ servers: "nats://me:secret@127.0.0.1:9" });
    await expect(refusal).rejects.toMatchObject({
      code: "backend",
      message:
        "connecting to NATS at nats://127.0.0.1:9: NATS cannot be reached (connection refused)",
    });
  });

  it("says that the credentials are refused", async () => {
    await using server = await startTestServer({
      settings: { authorization: { user: "me", password: "secret" }, jetstream: {} },
    });
    await expect(openJetStreamBackend({ servers: server.url })).rejects.toThrow(
      /NATS refused the credentials/,
    );
    await using _ = await opened({ servers: server.url, user: "me", pass: "secret" });
  });

  it("says that JetStream is off", async () => {
    await using server = await startTestServer({
      settings: {
        jetstream: {},
        accounts: { A: { users: [{ user: "a", password: "a" }] } },
      },
    });
    const options = { servers: server.url, user: "a", pass: "a", connectTimeoutMs: 300 };
    await expect(openJetStreamBackend(options)).rejects.toMatchObject({
      code: "backend",
      message: /JetStream is (off|not enabled)/,
    });
  });

  it("names the permission that is missing", async () => {
    await using server = await startTestServer({
      settings: {
        jetstream: {},
        authorization: {
          users: [
            {
              user: "reader",
              password: "x",
              permissions: { publish: ["$JS.API.STREAM.INFO.>"], subscribe: ["_INBOX.>"] },
            },
          ],
        },
      },
    });
    await expect(
      openJetStreamBackend({ servers: server.url, user: "reader", pass: "x" }),
    ).rejects.toThrow(
      /this NATS user may not publish on "\$JS\.API\.STREAM\.CREATE\.(KV_)?floxide-\w+"/,
    );
  });

  it("says that JetStream is full", async () => {
    await using server = await startTestServer({
      settings: { jetstream: { max_file: 1_000_000, max_mem: 1_000_000 } },
    });
    await expect(
      openJetStreamBackend({ servers: server.url, deadLetterMaxBytes: 10_000_000 }),
    ).rejects.toMatchObject({
      code: "backend",
      message: /preparing the stream "floxide-dead": JetStream is full or over its limits/,
    });
  });

  it.each([
    [{ namespace: "a.b" }, /namespace: must be letters/],
    [{ namespace: "n".repeat(33) }, /namespace: must be 32 characters at most/],
    [{ retentionMs: 10 }, /retentionMs/],
    [{ server: "x" }, /server/],
    [{ logger: {} }, /logger: is no logger/],
    [{ replicas: 2 }, /replicas/],
  ])("refuses the options %j", async (options, said) => {
    await expect(openJetStreamBackend(options as object)).rejects.toMatchObject({
      code: "validation",
      message: said,
    });
  });
});

describe("a connection of the host", () => {
  it("stays open and as it was when the backend closes", async () => {
    await using server = await startTestServer();
    const connection = await connect({ servers: server.url });
    const backend = await openJetStreamBackend({ connection });
    await backend.queue.prepare("orders");
    const stop = await backend.runs.watchEnded(() => {});
    await backend.close();
    stop();
    expect(connection.isClosed()).toBe(false);
    await expect(backend.contexts.get("r")).rejects.toMatchObject({ code: "backend" });
    await expect(backend.queue.enqueue([itemOf("r", 1)])).rejects.toMatchObject({
      code: "backend",
    });
    await using again = await opened({ connection });
    expect(await again.backend.contexts.get("r")).toBeNull();
    await connection.close();
  });

  it("that the host closes ends what is in flight, at once", async () => {
    await using server = await startTestServer();
    const connection = await connect({ servers: server.url });
    await using one = await opened({ connection });
    await one.backend.queue.prepare("orders");
    const pulling = one.backend.queue.pull(WORK, 1, () => {}, new AbortController().signal);
    await connection.close();
    await pulling;
    await expect(one.backend.contexts.get("r")).rejects.toThrow(/the connection to NATS is closed/);
  });

  it("tells when it is woken to ping the server, until nobody wants to know", async () => {
    await using server = await startTestServer();
    const connection = await connect({ servers: server.url, pingInterval: 20 });
    await using one = await opened({ connection });
    let woken = 0;
    const unwatch = one.backend.watchAwake(() => {
      woken += 1;
    });
    await eventually(() => expect(woken).toBeGreaterThan(2));
    unwatch();
    const then = woken;
    await connection.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(woken).toBe(then);
    await connection.close();
  });

  it("goes without servers", async () => {
    await using server = await startTestServer();
    const connection = await connect({ servers: server.url });
    await expect(openJetStreamBackend({ connection, servers: server.url })).rejects.toThrow(
      /servers: goes without a connection/,
    );
    await connection.close();
  });

  it("may be limited to its own inboxes", async () => {
    await using server = await startTestServer({
      settings: {
        jetstream: {},
        authorization: {
          users: [
            {
              user: "u",
              password: "p",
              permissions: {
                publish: ["$JS.API.>", "$JS.ACK.>", "$KV.>", "floxide.>", "_INBOX_u.>"],
                subscribe: ["_INBOX_u.>", "floxide.control.*"],
              },
            },
          ],
        },
      },
    });
    const options = { user: "u", pass: "p", connectionOptions: { inboxPrefix: "_INBOX_u" } };
    await using one = await opened({ servers: server.url, ...options });
    const { queue, runs, contexts } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue([itemOf("r", 1)]);
    expect(nameOf(await takeOne(queue, WORK))).toBe("r/1");
    const ended: string[] = [];
    await runs.watchEnded(({ runId }) => ended.push(runId));
    await runs.create(infoOf("r", { status: "completed" }));
    await eventually(() => expect(ended).toEqual(["r"]));
    await contexts.create(checkpointOf("r"));
  });
});

describe("a connection that breaks", () => {
  it("is logged, heals, and what was asked meanwhile is done then", async () => {
    await using server = await startTestServer();
    await using proxy = await TcpProxy.before(server.port);
    const logger = recordingLogger();
    await using one = await opened({ servers: proxy.url, logger });
    const { contexts, liveness, queue } = one.backend;
    await queue.prepare("orders");
    const revision = (await contexts.create(checkpointOf("r"))) ?? 0;
    proxy.cut();
    await eventually(() => expect(logger.lines).toContain("NATS connection lost"));
    const [read, written] = await Promise.all([
      contexts.get("r"),
      contexts.update(checkpointOf("r", { commit: "2" }), revision),
      liveness.put(() => heartbeatOf("w")),
      queue.enqueue([itemOf("r", 1)]),
    ]);
    expect(read?.revision).toBeGreaterThanOrEqual(revision);
    expect(written).toBeGreaterThan(revision);
    expect(logger.lines).toContain("NATS connection is back");
    expect(await liveness.list()).toHaveLength(1);
  });

  it("that only is slow is waited for with a heartbeat on a server that is alone until the next is due", async () => {
    await using server = await startTestServer();
    await using proxy = await TcpProxy.before(server.port);
    await using one = await opened({ servers: proxy.url, requestTimeoutMs: 100 });
    let said = 0;
    const say = (nextMs: number) => (): Heartbeat => {
      said += 1;
      return heartbeatOf("w", { nextMs });
    };
    const { liveness } = one.backend;
    const saidWhileHeld = async (nextMs: number): Promise<number> => {
      said = 0;
      proxy.holdReplies();
      const written = liveness.put(say(nextMs));
      await new Promise((resolve) => setTimeout(resolve, 600));
      proxy.release();
      await written;
      return said;
    };
    expect(await saidWhileHeld(10_000)).toBe(1);
    expect(await saidWhileHeld(100)).toBeGreaterThan(1);
  });

  it("ends the patience in the end", async () => {
    const server = await startTestServer();
    await using one = await opened({ servers: server.url, patienceMs: 400 });
    await server.kill();
    const begin = performance.now();
    await expect(one.backend.contexts.get("r")).rejects.toMatchObject({
      code: "backend",
      message: /reading the checkpoint of run "r": .*gave up after 400 ms/,
    });
    expect(performance.now() - begin).toBeLessThan(3_000);
    await server.stop();
  });

  it("has no effect on acknowledgements: what was not acknowledged comes again", async () => {
    await using server = await startTestServer();
    await using proxy = await TcpProxy.before(server.port);
    await using one = await opened({ servers: proxy.url, ackWaitMs: 600 });
    const { queue } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue([itemOf("r", 1)]);
    const delivery = await takeOne(queue, WORK);
    proxy.cut();
    delivery.ack();
    const again = await takeOne(queue, WORK);
    expect(again).toMatchObject({ seq: delivery.seq, deliveries: 2 });
    again.ack();
  });

  it("is not broken by listeners that throw", async () => {
    await using server = await startTestServer();
    const logger = recordingLogger();
    await using one = await opened({ servers: server.url, logger });
    await using two = await opened({ servers: server.url });
    const fail = () => {
      throw new Error("broken");
    };
    one.backend.control.listen("w", fail);
    await one.backend.runs.watchEnded(fail);
    const command = { type: "cancel", runId: "r", revision: 1 } as const;
    await eventually(async () => {
      expect(await two.backend.control.ask(command, 1, 1_000)).toEqual(["w"]);
    });
    await two.backend.runs.create(infoOf("r", { status: "completed" }));
    await eventually(() => {
      expect(logger.lines).toContain("a control command was not taken");
      expect(logger.lines).toContain("a listener for ended runs failed");
    });
    expect(await one.backend.contexts.get("r")).toBeNull();
    expect(logger.lines).not.toContain("NATS connection lost");
  });

  it("leaves nothing behind in the client", async () => {
    await using server = await startTestServer();
    const connection = await connect({ servers: server.url });
    const before = statusListeners(connection);
    for (let i = 0; i < 3; i++) {
      const backend = await openJetStreamBackend({ connection });
      await backend.runs.watchEnded(() => {});
      await backend.close();
    }
    await using plain = await plainConnection(server.url);
    expect(statusListeners(connection)).toBe(before);
    expect(subscriptions(connection)).toBeLessThanOrEqual(1);
    expect(await plain.jsm.streams.names().next()).toHaveLength(9);
    await connection.close();
  });
});

interface Insides {
  readonly protocol: {
    readonly listeners: readonly unknown[];
    readonly subscriptions: { size(): number };
  };
}

const statusListeners = (nc: unknown): number => (nc as Insides).protocol.listeners.length;
/** The client keeps one of its own, for its requests. */
const subscriptions = (nc: unknown): number => (nc as Insides).protocol.subscriptions.size();
