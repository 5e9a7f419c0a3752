import { describe, expect, it } from "vitest";
import type { Delivery, QueueSource } from "../../src/core/ports/work-queue.ts";
import { WorkMessageSchema } from "../../src/core/records/work-message.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { itemOf, ODD_IDS } from "./fixtures.ts";
import { nameOf, take, takeAndAck, takeOne } from "./inbox.ts";

const WORK: QueueSource = { kind: "work", workflow: "orders" };

/** What every backend must do: queue delivery. */
export function queueDeliveryTests(open: () => Promise<Opened>): void {
  handingOutTests(open);
  comingBackTests(open);
  pullTests(open);
}

function handingOutTests(open: () => Promise<Opened>): void {
  describe("queue of items: handing out", () => {
    const on = freshForEachTest(open);

    it("delivers an item with all that a worker needs", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const before = Date.now();
      await queue.enqueue([itemOf("r", 4, { revision: 9, version: 2, fingerprint: "print" })]);
      const delivery = await takeOne((await on.second()).queue, WORK);
      expect(delivery).toMatchObject({ ...WORK, deliveries: 1 });
      expect(delivery.seq).toBeGreaterThan(0);
      expect(Math.abs(delivery.acceptedAt - before)).toBeLessThan(60_000);
      expect(WorkMessageSchema.parse(JSON.parse(delivery.body))).toMatchObject({
        v: 1,
        runId: "r",
        item: 4,
        revision: 9,
        version: 2,
        fingerprint: "print",
      });
    });

    it("delivers in the order of queueing", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const names = Array.from({ length: 25 }, (_, i) => `r${i % 4}/${i + 1}`);
      for (let i = 0; i < 25; i++) await queue.enqueue([itemOf(`r${i % 4}`, i + 1)]);
      const deliveries = await takeAndAck(queue, WORK, 25);
      expect(deliveries.map(nameOf)).toEqual(names);
    });

    it("queues many items in one call", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([]);
      await queue.enqueue(Array.from({ length: 200 }, (_, i) => itemOf("r", i + 1)));
      const deliveries = await takeAndAck(queue, WORK, 200);
      expect(new Set(deliveries.map(nameOf)).size).toBe(200);
    });

    it("queues an item of the same epoch, turn and salt once", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await (await on.second()).queue.enqueue([itemOf("r", 1), itemOf("r", 1)]);
      await queue.enqueue([itemOf("r", 1, { turn: 1 })]);
      await queue.enqueue([itemOf("r", 1, { epoch: 1 })]);
      await queue.enqueue([itemOf("r", 1, { salt: "repair" })]);
      await queue.enqueue([itemOf("r", 1, { salt: "repair" })]);
      await queue.enqueue([itemOf("r", 11), itemOf("last", 1)]);
      const deliveries = await takeAndAck(queue, WORK, 6);
      expect(deliveries.map(nameOf)).toEqual(["r/1", "r/1", "r/1", "r/1", "r/11", "last/1"]);
    });

    it("delivers the work of its own workflow only", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.prepare("orders-eu");
      await queue.enqueue([itemOf("a", 1, { workflow: "orders-eu" }), itemOf("b", 1)]);
      await queue.enqueue([itemOf("c", 1, { workflow: "orders-eu" }), itemOf("d", 1)]);
      const here = await takeAndAck(queue, WORK, 2);
      const there = await takeAndAck(queue, { kind: "work", workflow: "orders-eu" }, 2);
      expect(here.map(nameOf)).toEqual(["b/1", "d/1"]);
      expect(there.map(nameOf)).toEqual(["a/1", "c/1"]);
      expect(there[0]?.workflow).toBe("orders-eu");
    });

    it("gives each message to one of two who pull", async () => {
      const [a, b] = [on.backend.queue, (await on.second()).queue];
      await Promise.all([a.prepare("orders"), b.prepare("orders")]);
      const pulls = Promise.all([takeAndAck(a, WORK, 10), takeAndAck(b, WORK, 10)]);
      await a.enqueue(Array.from({ length: 20 }, (_, i) => itemOf("r", i + 1)));
      const [here, there] = await pulls;
      expect(new Set([...here, ...there].map(nameOf)).size).toBe(20);
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue(ODD_IDS.map((runId) => itemOf(runId, 1)));
      const deliveries = await takeAndAck(queue, WORK, ODD_IDS.length);
      expect(deliveries.map(nameOf).sort()).toEqual(ODD_IDS.map((runId) => `${runId}/1`).sort());
    });

    it("can be prepared by many at once, again and again", async () => {
      const [a, b] = [on.backend.queue, (await on.second()).queue];
      await Promise.all(
        Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? a : b).prepare("orders")),
      );
      await a.enqueue([itemOf("r", 1)]);
      await b.prepare("orders");
      expect(nameOf(await takeOne(b, WORK))).toBe("r/1");
    });
  });
}

function comingBackTests(open: () => Promise<Opened>): void {
  describe("queue of items: coming back", () => {
    const on = freshForEachTest(open);

    it("brings back what is not acknowledged, and not what is", async () => {
      const [a, b] = [on.backend.queue, (await on.second()).queue];
      await a.prepare("orders");
      await a.enqueue([itemOf("r", 1), itemOf("r", 2), itemOf("r", 3)]);
      const [first, second, third] = await take(a, WORK, 3);
      first?.ack();
      third?.ack();
      const again = await takeOne(b, WORK);
      expect(nameOf(again)).toBe("r/2");
      expect(again).toMatchObject({ seq: second?.seq, deliveries: 2, body: second?.body });
      expect(again.acceptedAt).toBe(second?.acceptedAt);
      again.ack();
      await eventually(async () => expect(await a.queued("orders", "r")).toEqual([]));
    });

    it("brings it back again and again, and counts", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      const deliveries: number[] = [];
      for (let i = 0; i < 3; i++) deliveries.push((await takeOne(queue, WORK)).deliveries);
      expect(deliveries).toEqual([1, 2, 3]);
    });

    it("does not bring back what somebody says to be working on", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("busy", 1), itemOf("silent", 1)]);
      const [busy] = await take(queue, WORK, 2);
      const renewal = setInterval(() => busy?.working(), queue.ackWaitMs / 10);
      try {
        // The other comes back twice before anything of the first is seen.
        for (const deliveries of [2, 3]) {
          const back = await takeOne(queue, WORK);
          expect(nameOf(back)).toBe("silent/1");
          expect(back.deliveries).toBe(deliveries);
          if (deliveries === 3) back.ack();
        }
      } finally {
        clearInterval(renewal);
      }
      expect(await takeOne(queue, WORK)).toMatchObject({ seq: busy?.seq, deliveries: 2 });
    });

    it("hands out at once what is given back, before what is waited for", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("kept", 1), itemOf("returned", 1)]);
      const [, returned] = await take(queue, WORK, 2);
      returned?.giveBack();
      const back = await takeOne((await on.second()).queue, WORK);
      expect(nameOf(back)).toBe("returned/1");
      expect(back).toMatchObject({ seq: returned?.seq, deliveries: 2 });
    });

    it("hands out later what is given back for later", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("later", 1), itemOf("now", 1)]);
      const [later, now] = await take(queue, WORK, 2);
      const begin = performance.now();
      later?.giveBack(400);
      now?.giveBack();
      const first = await takeOne(queue, WORK);
      first.ack();
      const second = await takeOne(queue, WORK);
      expect([first, second].map(nameOf)).toEqual(["now/1", "later/1"]);
      expect(performance.now() - begin).toBeGreaterThan(380);
      expect(second.deliveries).toBe(2);
    });

    it("may be given back for longer than the acknowledgement wait", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("later", 1), itemOf("silent", 1)]);
      const [later] = await take(queue, WORK, 2);
      later?.giveBack(queue.ackWaitMs * 2.5);
      const order: string[] = [];
      for (let i = 0; i < 3; i++) order.push(nameOf(await takeOne(queue, WORK)));
      expect(order).toEqual(["silent/1", "silent/1", "later/1"]);
    });

    it("takes a late acknowledgement of somebody who lost the message", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      const slow = await takeOne(queue, WORK);
      await takeOne(queue, WORK);
      slow.ack();
      await eventually(async () => expect(await queue.queued("orders", "r")).toEqual([]));
    });

    it("takes an acknowledgement twice", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1), itemOf("r", 2)]);
      const [first, second] = await take(queue, WORK, 2);
      first?.ack();
      first?.ack();
      first?.giveBack();
      first?.working();
      second?.giveBack();
      expect(nameOf(await takeOne(queue, WORK))).toBe("r/2");
      await eventually(async () => expect(await queue.queued("orders", "r")).toHaveLength(1));
    });

    it("hands the messages of a backend that is gone to another", async () => {
      const dying = await on.second();
      await dying.queue.prepare("orders");
      await dying.queue.enqueue([itemOf("r", 1)]);
      await takeOne(dying.queue, WORK);
      await dying.close();
      expect(await takeOne(on.backend.queue, WORK)).toMatchObject({ deliveries: 2 });
    });
  });
}

function pullTests(open: () => Promise<Opened>): void {
  describe("queue of items: pulling", () => {
    const on = freshForEachTest(open);

    it("takes no more than was asked for and then ends", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([1, 2, 3].map((item) => itemOf("r", item)));
      const got: Delivery[] = [];
      await queue.pull(WORK, 2, (delivery) => got.push(delivery), new AbortController().signal);
      expect(got.map(nameOf)).toEqual(["r/1", "r/2"]);
      expect(nameOf(await takeOne(queue, WORK))).toBe("r/3");
      expect(got).toHaveLength(2);
    });

    it("hands each message over as it comes", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const got: Delivery[] = [];
      const abort = new AbortController();
      const pulling = queue.pull(WORK, 10, (delivery) => got.push(delivery), abort.signal);
      for (let item = 1; item <= 3; item++) {
        await queue.enqueue([itemOf("r", item)]);
        await eventually(() => expect(got).toHaveLength(item));
      }
      abort.abort();
      await pulling;
    });

    it("ends when the signal is aborted, and what comes later is for others", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const got: Delivery[] = [];
      const abort = new AbortController();
      const pulling = queue.pull(WORK, 10, (delivery) => got.push(delivery), abort.signal);
      await queue.enqueue([itemOf("r", 1)]);
      await eventually(() => expect(got).toHaveLength(1));
      abort.abort();
      await pulling;
      await queue.enqueue([itemOf("r", 2)]);
      expect(nameOf(await takeOne((await on.second()).queue, WORK))).toBe("r/2");
      expect(got).toHaveLength(1);
    });

    it("ends at once where the signal is aborted already", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await queue.pull(WORK, 1, () => expect.unreachable(), AbortSignal.abort());
      expect(await takeOne(queue, WORK)).toMatchObject({ deliveries: 1 });
    });

    it("wakes one of many who wait", async () => {
      const [a, b] = [on.backend.queue, (await on.second()).queue];
      await a.prepare("orders");
      const abort = new AbortController();
      const got: string[] = [];
      const pulls = [a, b, a, b].map((queue) =>
        queue.pull(WORK, 1, (delivery) => got.push(nameOf(delivery)), abort.signal),
      );
      await a.enqueue([itemOf("r", 1), itemOf("r", 2)]);
      await eventually(() => expect(got.toSorted()).toEqual(["r/1", "r/2"]));
      abort.abort();
      await Promise.all(pulls);
      expect(got).toHaveLength(2);
    });

    it("ends when its backend closes", async () => {
      const other = await on.second();
      await other.queue.prepare("orders");
      const pulling = other.queue
        .pull(WORK, 1, () => {}, new AbortController().signal)
        .catch((error: unknown) => expect(error).toMatchObject({ code: "backend" }));
      await other.close();
      await pulling;
    });
  });
}
