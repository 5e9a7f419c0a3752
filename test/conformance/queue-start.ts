import { describe, expect, it } from "vitest";
import type { QueueSource } from "../../src/core/ports/work-queue.ts";
import type { StartRequest } from "../../src/core/records/start-request.ts";
import { parseStartRequest } from "../../src/core/records/start-request.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { tellsSizes } from "./context-store.ts";
import { itemOf, ODD_IDS, requestOf } from "./fixtures.ts";
import { takeAndAck, takeOne } from "./inbox.ts";

const STARTS: QueueSource = { kind: "start", workflow: "orders" };
const WORK: QueueSource = { kind: "work", workflow: "orders" };

/** What every backend must do: queue start. */
export function queueStartTests(open: () => Promise<Opened>): void {
  describe("queue of start requests", () => {
    const on = freshForEachTest(open);

    it.each([true, false])(
      "delivers a request with all that a worker needs (info written: %s)",
      async (infoWritten) => {
        const { queue } = on.backend;
        await queue.prepare("orders");
        const request: StartRequest = requestOf("r", {
          input: { text: "☃", list: [1, null] },
          context: { total: 4 },
          version: 2,
        });
        const before = Date.now();
        const { seq, duplicate } = await queue.start(request, { infoWritten });
        expect(duplicate).toBe(false);
        const delivery = await takeOne((await on.second()).queue, STARTS);
        expect(delivery).toMatchObject({ ...STARTS, seq, deliveries: 1, infoWritten });
        expect(parseStartRequest("orders", delivery.body, delivery.messageId ?? "none")).toEqual(
          request,
        );
        expect(Math.abs(delivery.acceptedAt - before)).toBeLessThan(60_000);
        expect(delivery.subject).toContain("orders");
      },
    );

    it("names the run in the message id", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("run-1"), { infoWritten: true });
      expect((await takeOne(queue, STARTS)).messageId).toBe("run-1");
    });

    it("accepts requests at positions that go up", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const seqs: number[] = [];
      for (const runId of ["a", "b", "c"]) {
        seqs.push((await queue.start(requestOf(runId), { infoWritten: true })).seq);
      }
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      expect(seqs[0]).toBeGreaterThan(0);
    });

    it("takes the same run id once and says where it is", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const first = await queue.start(requestOf("r"), { infoWritten: true });
      const again = await queue.start(requestOf("r"), { infoWritten: true });
      const other = await (await on.second()).queue.start(requestOf("r", { input: 1 }), {
        infoWritten: false,
      });
      expect(again).toEqual({ seq: first.seq, duplicate: true });
      expect(other).toEqual({ seq: first.seq, duplicate: true });
      const last = await queue.start(requestOf("last"), { infoWritten: true });
      const deliveries = await takeAndAck(queue, STARTS, 2);
      expect(deliveries.map(({ seq }) => seq)).toEqual([first.seq, last.seq]);
    });

    it("takes one of many requests for the same run that come at once", async () => {
      const queues = [on.backend.queue, (await on.second()).queue];
      await on.backend.queue.prepare("orders");
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          queues[i % 2]?.start(requestOf("r"), { infoWritten: true }),
        ),
      );
      expect(answers.filter((answer) => answer?.duplicate === false)).toHaveLength(1);
      expect(new Set(answers.map((answer) => answer?.seq)).size).toBe(1);
    });

    it("remembers a request that was acknowledged", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const { seq } = await queue.start(requestOf("r"), { infoWritten: true });
      (await takeOne(queue, STARTS)).ack();
      await eventually(async () => expect(await queue.startAt(seq)).toBeNull());
      expect(await queue.start(requestOf("r"), { infoWritten: true })).toEqual({
        seq,
        duplicate: true,
      });
    });

    it("shows the request at a position until it is acknowledged", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const request = requestOf("r", { context: { total: 1 }, version: 3 });
      const { seq } = await queue.start(request, { infoWritten: true });
      expect(await queue.startAt(seq)).toEqual(request);
      const delivery = await takeOne(queue, STARTS);
      expect(await (await on.second()).queue.startAt(seq)).toEqual(request);
      delivery.ack();
      await eventually(async () => expect(await queue.startAt(seq)).toBeNull());
    });

    it("shows no request where there is none", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      const { seq } = await takeOne(queue, WORK);
      expect(await queue.startAt(seq)).toBeNull();
      expect(await queue.startAt(seq + 1_000)).toBeNull();
    });

    it("refuses a request that is too large, with both sizes, and keeps nothing of it", async () => {
      const { queue, maxValueBytes } = on.backend;
      await queue.prepare("orders");
      const large = requestOf("r", { input: "x".repeat(maxValueBytes + 1) });
      const refusal = queue.start(large, { infoWritten: true });
      await expect(refusal).rejects.toMatchObject({ code: "payload_too_large" });
      await expect(refusal).rejects.toSatisfy(tellsSizes);
      const { duplicate } = await queue.start(requestOf("r"), { infoWritten: true });
      expect(duplicate).toBe(false);
      expect(
        parseStartRequest("orders", (await takeOne(queue, STARTS)).body, "none").input,
      ).toEqual({ order: 7 });
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      // Their message ids must not meet those of start requests either.
      await queue.enqueue([itemOf("r", 1), itemOf("fx:start.r", 1), itemOf("start", 1)]);
      for (const runId of ODD_IDS) {
        const { seq, duplicate } = await queue.start(requestOf(runId), { infoWritten: true });
        expect({ runId, duplicate }).toEqual({ runId, duplicate: false });
        expect(await queue.startAt(seq)).toEqual(requestOf(runId));
      }
      const deliveries = await takeAndAck(queue, STARTS, ODD_IDS.length);
      const ids = deliveries.map(
        ({ body, messageId }) => parseStartRequest("orders", body, messageId ?? "").runId,
      );
      expect(ids).toEqual([...ODD_IDS]);
      expect(deliveries.map(({ messageId }) => messageId)).toEqual([...ODD_IDS]);
    });

    it("keeps requests for workers that come later", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("early"), { infoWritten: true });
      const late = (await on.second()).queue;
      await late.prepare("orders");
      expect((await takeOne(late, STARTS)).messageId).toBe("early");
    });

    it("lists requests that nobody has acknowledged, oldest first, whatever is in them", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      expect(await queue.startsWaiting(10)).toEqual([]);
      const sent: StartRequest[] = [
        requestOf("a", { input: "☃" }),
        requestOf("b c", { workflow: "refunds" }),
        requestOf("d"),
      ];
      const seqs: number[] = [];
      for (const [i, request] of sent.entries()) {
        seqs.push((await queue.start(request, { infoWritten: i === 0 })).seq);
      }
      const taken = await takeOne(queue, STARTS);
      const waiting = await (await on.second()).queue.startsWaiting(10);
      expect(waiting.map(({ seq }) => seq)).toEqual(seqs);
      expect(waiting).toMatchObject([
        { workflow: "orders", messageId: "a", infoWritten: true, body: taken.body },
        { workflow: "refunds", messageId: "b c", infoWritten: false },
        { workflow: "orders", messageId: "d", infoWritten: false },
      ]);
      expect(waiting[0]?.acceptedAt).toBe(taken.acceptedAt);
      expect((await queue.startsWaiting(2)).map(({ seq }) => seq)).toEqual(seqs.slice(0, 2));
      const [first = 0, , last = 0] = seqs;
      expect((await queue.startsWaiting(1, first)).map(({ seq }) => seq)).toEqual([seqs[1]]);
      expect((await queue.startsWaiting(10, first)).map(({ seq }) => seq)).toEqual(seqs.slice(1));
      expect(await queue.startsWaiting(10, last)).toEqual([]);
      taken.ack();
      await eventually(async () => {
        expect((await queue.startsWaiting(10)).map(({ seq }) => seq)).toEqual(seqs.slice(1));
      });
    });

    it("lists no items among the requests", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await queue.schedule(itemOf("r", 2), Date.now() + 3_600_000);
      expect(await queue.startsWaiting(10)).toEqual([]);
    });

    it("queues a request again as another message, at the end", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const { seq } = await queue.start(requestOf("a"), { infoWritten: true });
      const later = await queue.start(requestOf("b"), { infoWritten: true });
      const [first] = await queue.startsWaiting(1);
      expect(first?.seq).toBe(seq);
      if (first !== undefined) await queue.requeueStart(first);
      expect(await queue.startAt(seq)).toBeNull();
      const [b, a, ...rest] = await queue.startsWaiting(10);
      expect(rest).toEqual([]);
      expect(b?.seq).toBe(later.seq);
      expect(a).toMatchObject({ workflow: "orders", body: first?.body, infoWritten: true });
      expect(a?.seq).toBeGreaterThan(later.seq);
      const deliveries = await takeAndAck(queue, STARTS, 2);
      expect(deliveries.map(({ seq: at }) => at)).toEqual([b?.seq, a?.seq]);
      expect(deliveries.map(({ deliveries: times }) => times)).toEqual([1, 1]);
    });

    it("may queue it again with another body, and again", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("a"), { infoWritten: false });
      for (const body of ['{"input":1,"runId":"a"}', '{"input":2,"runId":"a"}']) {
        const [start] = await queue.startsWaiting(1);
        if (start !== undefined) await queue.requeueStart({ ...start, body });
      }
      const delivery = await takeOne(queue, STARTS);
      expect(delivery).toMatchObject({ body: '{"input":2,"runId":"a"}', infoWritten: false });
      expect(await queue.startsWaiting(10)).toHaveLength(1);
    });

    it("queues nothing again where the request is gone", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const { seq } = await queue.start(requestOf("a"), { infoWritten: true });
      const [start] = await queue.startsWaiting(1);
      await queue.drop(seq);
      if (start !== undefined) await queue.requeueStart(start);
      expect(await queue.startsWaiting(10)).toEqual([]);
    });

    it("leaves alone what has taken the place of a request", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await queue.start(requestOf("other", { workflow: "refunds" }), { infoWritten: true });
      const [item] = await queue.queued("orders", "r");
      const [other] = await queue.startsWaiting(1);
      const gone = { workflow: "orders", acceptedAt: 0, messageId: null, infoWritten: true };
      for (const seq of [item?.seq ?? 0, other?.seq ?? 0]) {
        await queue.requeueStart({ ...gone, seq, body: '{"input":1,"runId":"a"}' });
      }
      expect(await queue.startsWaiting(10)).toEqual([other]);
      expect(await queue.queued("orders", "r")).toEqual([item]);
    });

    it("takes a request anew whose run id it remembers, where it is told to", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const request = requestOf("r");
      const { seq } = await queue.start(request, { infoWritten: false });
      (await takeOne(queue, STARTS)).ack();
      await eventually(async () => expect(await queue.startAt(seq)).toBeNull());
      const again = await queue.start(request, { infoWritten: true, anew: true });
      expect(again.duplicate).toBe(false);
      expect(again.seq).toBeGreaterThan(seq);
      expect(await queue.startAt(again.seq)).toEqual(request);
      const delivery = await takeOne(queue, STARTS);
      expect(delivery).toMatchObject({ seq: again.seq, messageId: null, infoWritten: true });
      expect(parseStartRequest("orders", delivery.body, "none")).toEqual(request);
    });

    it("never mixes starts and items", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("a"), { infoWritten: true });
      await queue.enqueue([itemOf("a", 1)]);
      await queue.start(requestOf("b"), { infoWritten: true });
      await queue.enqueue([itemOf("b", 1)]);
      const starts = await takeAndAck(queue, STARTS, 2);
      const items = await takeAndAck(queue, WORK, 2);
      expect(starts.map(({ kind }) => kind)).toEqual(["start", "start"]);
      expect(items.map(({ kind }) => kind)).toEqual(["work", "work"]);
    });
  });
}
