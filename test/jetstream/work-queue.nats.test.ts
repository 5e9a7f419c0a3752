import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Delivery, QueueSource } from "../../src/core/ports/work-queue.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { itemOf, requestOf } from "../conformance/fixtures.ts";
import { nameOf, take, takeAndAck, takeOne } from "../conformance/inbox.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { opened, plainConnection, recordingLogger } from "./support.ts";

const WORK: QueueSource = { kind: "work", workflow: "orders" };
const STARTS: QueueSource = { kind: "start", workflow: "orders" };
const items = (count: number, runId = "r") =>
  Array.from({ length: count }, (_, i) => itemOf(runId, i + 1));

let server: NatsServer;
let count = 0;
let namespace = "";

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  namespace = `queue-${count++}`;
});

describe("pulling", () => {
  it("takes no message that nobody here wants, over many small pulls", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue, connection, names } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue(items(300));
    await using plain = await plainConnection(server.url);
    const got: Delivery[] = [];
    const { signal } = new AbortController();
    for (const max of [1, 2, 7, 1, 30, 3]) {
      await queue.pull(WORK, max, (delivery) => got.push(delivery), signal);
      await connection.flush();
      const info = await plain.jsm.consumers.info(names.workStream, "work-orders");
      expect(info.num_ack_pending).toBe(got.length);
      expect(info.num_waiting).toBe(0);
    }
    expect(got).toHaveLength(44);
  });

  it("leaves nothing delivered and unhandled when it is aborted while messages come", async () => {
    await using one = await opened({ servers: server.url, namespace });
    await using other = await opened({ servers: server.url, namespace });
    const { queue } = one.backend;
    await queue.prepare("orders");
    let handled = 0;
    for (let round = 0; round < 20; round++) {
      const abort = new AbortController();
      const pulling = queue.pull(
        WORK,
        50,
        (delivery) => {
          handled++;
          delivery.ack();
          if (handled % 3 === 0) abort.abort();
        },
        abort.signal,
      );
      await other.backend.queue.enqueue(items(30, `r${round}`));
      abort.abort();
      await pulling;
    }
    // The acknowledgement wait is thirty seconds: whatever was left behind would not come in time.
    await takeAndAck(other.backend.queue, WORK, 600 - handled);
    await eventually(async () => {
      expect(await other.backend.queue.backlog()).toEqual([
        { workflow: "orders", starts: 0, items: 0, inFlight: 0 },
      ]);
    });
  });

  it("serves several pulls at once in the order in which they began", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue } = one.backend;
    await queue.prepare("orders");
    const order: string[] = [];
    const { signal } = new AbortController();
    const pulls = ["a", "b", "c"].map((name) =>
      queue.pull(WORK, 2, (delivery) => order.push(`${name}${nameOf(delivery)}`), signal),
    );
    for (const item of items(6)) await queue.enqueue([item]);
    await Promise.all(pulls);
    expect(order).toEqual(["ar/1", "ar/2", "br/3", "br/4", "cr/5", "cr/6"]);
  });

  it("lets the demand of an aborted pull serve the next one", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue, names } = one.backend;
    await queue.prepare("orders");
    const got: string[] = [];
    const deliver = (delivery: Delivery) => {
      got.push(nameOf(delivery));
      delivery.ack();
    };
    const first = new AbortController();
    const rest = new AbortController();
    const aborted = queue.pull(WORK, 5, deliver, first.signal);
    const staying = queue.pull(WORK, 1, deliver, rest.signal);
    first.abort();
    await aborted;
    const third = queue.pull(WORK, 4, deliver, rest.signal);
    await queue.enqueue(items(5));
    await Promise.all([staying, third]);
    expect(got).toHaveLength(5);
    await queue.enqueue([itemOf("late", 1)]);
    await using plain = await plainConnection(server.url);
    await eventually(async () => {
      const info = await plain.jsm.consumers.info(names.workStream, "work-orders");
      expect(info).toMatchObject({ num_pending: 1, num_ack_pending: 0 });
    });
    expect(await takeOne(queue, WORK)).toMatchObject({ deliveries: 1 });
  });

  it("ends at once when the connection is lost, and goes on when it is back", async () => {
    await using proxy = await TcpProxy.before(server.port);
    // The server may give the item to the connection that it has not yet seen break: then it comes again.
    const options = { namespace, ackWaitMs: 1_000 };
    await using one = await opened({ servers: proxy.url, ...options });
    await using beside = await opened({ servers: server.url, ...options });
    const { queue } = one.backend;
    await queue.prepare("orders");
    const { signal } = new AbortController();
    const idle = queue.pull(WORK, 5, () => expect.unreachable(), signal);
    await beside.backend.connection.flush();
    proxy.cut();
    await idle;
    await beside.backend.queue.enqueue([itemOf("r", 1)]);
    const begin = performance.now();
    expect(nameOf(await takeOne(queue, WORK))).toBe("r/1");
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  it("goes on after the server was killed, and loses nothing that was queued", async () => {
    await using crashing = await startTestServer();
    await using one = await opened({ servers: crashing.url, ackWaitMs: 1_000 });
    const { queue } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue(items(40));
    const seen = new Set<string>();
    const abort = new AbortController();
    const working = (async () => {
      while (!abort.signal.aborted) {
        await queue
          .pull(
            WORK,
            4,
            (delivery) => {
              seen.add(nameOf(delivery));
              delivery.ack();
            },
            abort.signal,
          )
          .catch((error: unknown) => expect(error).toMatchObject({ code: "backend" }));
      }
    })();
    for (let i = 0; i < 3; i++) {
      await crashing.kill();
      await crashing.restart();
      await queue.enqueue(items(20, `after-${i}`));
    }
    await eventually(() => expect(seen.size).toBe(100));
    abort.abort();
    await working;
  });

  it("makes the consumer again when somebody deletes it", async () => {
    const logger = recordingLogger();
    await using one = await opened({ servers: server.url, namespace, logger });
    const { queue, names } = one.backend;
    await queue.prepare("orders");
    await using plain = await plainConnection(server.url);
    const { signal } = new AbortController();
    const waiting = queue.pull(WORK, 1, () => expect.unreachable(), signal);
    await eventually(async () => {
      const info = await plain.jsm.consumers.info(names.workStream, "work-orders");
      expect(info.num_waiting).toBe(1);
    });
    await plain.jsm.consumers.delete(names.workStream, "work-orders");
    await waiting;
    expect(logger.lines).toContain("the consumer of the work queue is gone: making it again");
    await queue.enqueue([itemOf("r", 1)]);
    expect(nameOf(await takeOne(queue, WORK))).toBe("r/1");
    await plain.jsm.consumers.delete(names.workStream, "work-orders");
    await queue.enqueue([itemOf("r", 2)]);
    expect(await take(queue, WORK, 2)).toHaveLength(2);
    await plain.jsm.consumers.delete(names.workStream, "start-orders");
    expect(await queue.ackFloor(STARTS)).toBe(0);
  });

  it("fails the pull whose receiver throws, and goes on with the next", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue(items(2));
    const broken = () => {
      throw new Error("no room");
    };
    const { signal } = new AbortController();
    await expect(queue.pull(WORK, 1, broken, signal)).rejects.toThrow("no room");
    expect(nameOf(await takeOne(queue, WORK))).toBe("r/2");
  });
});

describe("start requests of others", () => {
  it("are delivered as they were published", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue, names } = one.backend;
    await queue.prepare("orders");
    await using plain = await plainConnection(server.url);
    const js = jetstream(plain.nc);
    const { seq } = await js.publish(names.start("orders"), `{"input": 1}`, { msgID: "order-1" });
    plain.nc.publish(names.start("orders"), "not json");
    const [named, bare] = await take(queue, STARTS, 2);
    expect(named).toMatchObject({ seq, messageId: "order-1", infoWritten: false });
    expect(named?.body).toBe(`{"input": 1}`);
    expect(bare).toMatchObject({ messageId: null, body: "not json" });
    expect(await queue.startAt(seq)).toMatchObject({ runId: "order-1", input: 1 });
    await expect(queue.startAt(bare?.seq ?? 0)).rejects.toMatchObject({ code: "validation" });
  });

  it("count as the same run as one of ours with that id", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue, names } = one.backend;
    await queue.prepare("orders");
    await using plain = await plainConnection(server.url);
    const js = jetstream(plain.nc);
    const { seq } = await js.publish(names.start("orders"), `{"input": 1}`, { msgID: "order 7" });
    const again = await queue.start(requestOf("order 7"), { infoWritten: true });
    expect(again).toEqual({ seq, duplicate: true });
  });

  it("may wait for a workflow that no worker knows yet, and show in the backlog", async () => {
    await using one = await opened({ servers: server.url, namespace });
    await using plain = await plainConnection(server.url);
    await jetstream(plain.nc).publish(one.backend.names.start("later"), `{"input": 1}`);
    expect(await one.backend.queue.backlog()).toEqual([
      { workflow: "later", starts: 1, items: 0, inFlight: 0 },
    ]);
  });

  it("too large for a header or odd in another way do no harm", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue, names } = one.backend;
    await queue.prepare("orders");
    await using plain = await plainConnection(server.url);
    const odd = headers();
    odd.set("Nats-Msg-Id", "fx:start.=zz");
    odd.set("Floxide-Run-Info", "yes");
    plain.nc.publish(names.start("orders"), "", { headers: odd });
    expect(await takeOne(queue, STARTS)).toMatchObject({
      messageId: "fx:start.=zz",
      infoWritten: false,
      body: "",
    });
  });
});

describe("many items of one run", () => {
  it("are listed and dropped, also where they are more than one read gives", async () => {
    await using one = await opened({ servers: server.url, namespace });
    const { queue } = one.backend;
    await queue.prepare("orders");
    await queue.enqueue([...items(2_500), itemOf("other", 1)]);
    await queue.enqueue(items(3).map((item) => ({ ...item, turn: 1 })));
    await queue.schedule(itemOf("r", 9_000), Date.now() + 3_600_000);
    const queued = await queue.queued("orders", "r");
    expect(queued).toHaveLength(2_501);
    expect(await queue.dropRun("orders", "r")).toBe(2_504);
    expect(await queue.queued("orders", "r")).toEqual([]);
    expect(nameOf(await takeOne(queue, WORK))).toBe("other/1");
  });
});
