import { describe, expect, it } from "vitest";
import type { Backlog, QueueSource, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { itemOf, ODD_IDS, requestOf } from "./fixtures.ts";
import { nameOf, take, takeAndAck, takeOne } from "./inbox.ts";

const STARTS: QueueSource = { kind: "start", workflow: "orders" };
const WORK: QueueSource = { kind: "work", workflow: "orders" };
const LATER_MS = 3_600_000;

/** What every backend must do: queue upkeep. */
export function queueUpkeepTests(open: () => Promise<Opened>): void {
  queuedTests(open);
  dropTests(open);
  figureTests(open);
}

function queuedTests(open: () => Promise<Opened>): void {
  describe("queue upkeep: what waits for a run", () => {
    const on = freshForEachTest(open);

    it("is nothing for a run that it does not know", async () => {
      await on.backend.queue.prepare("orders");
      expect(await on.backend.queue.queued("orders", "nobody")).toEqual([]);
    });

    it("is its items, taken or not, until they are acknowledged, and never its start request", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("r"), { infoWritten: true });
      await queue.enqueue([itemOf("r", 1), itemOf("r", 2), itemOf("other", 3)]);
      await queue.enqueue([itemOf("r", 4, { workflow: "refunds" })]);
      const [first, second] = await take(queue, WORK, 3);
      const queued = await queue.queued("orders", "r");
      expect([...queued].sort((a, b) => a.item - b.item)).toEqual([
        { item: 1, seq: first?.seq, scheduled: false, turn: 0, revision: 3 },
        { item: 2, seq: second?.seq, scheduled: false, turn: 0, revision: 3 },
      ]);
      first?.ack();
      await eventually(async () => {
        expect(
          (await (await on.second()).queue.queued("orders", "r")).map(({ item }) => item),
        ).toEqual([2]);
      });
    });

    it("is kept apart whatever run ids are made of", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue(ODD_IDS.map((runId, i) => itemOf(runId, i + 1)));
      await queue.schedule(itemOf("a.b", 100), Date.now() + LATER_MS);
      for (const [i, runId] of ODD_IDS.entries()) {
        const queued = await queue.queued("orders", runId);
        expect(queued.map(({ item }) => item).sort()).toEqual(
          [i + 1, ...(runId === "a.b" ? [100] : [])].sort(),
        );
      }
    });
  });
}

function dropTests(open: () => Promise<Opened>): void {
  describe("queue upkeep: dropping", () => {
    const on = freshForEachTest(open);

    it("drops all that waits for a run and says how much", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1), itemOf("r", 2)]);
      await queue.schedule(itemOf("r", 3), Date.now() + 300);
      await queue.schedule(itemOf("other", 1), Date.now() + 700);
      await queue.enqueue([itemOf("other", 2)]);
      expect(await (await on.second()).queue.dropRun("orders", "r")).toBe(3);
      expect(await queue.queued("orders", "r")).toEqual([]);
      const deliveries = await takeAndAck(queue, WORK, 2);
      expect(deliveries.map(nameOf)).toEqual(["other/2", "other/1"]);
    });

    it("drops nothing of a run that has nothing", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      expect(await queue.dropRun("orders", "nobody")).toBe(0);
      expect(await queue.dropRun("refunds", "r")).toBe(0);
      expect(nameOf(await takeOne(queue, WORK))).toBe("r/1");
    });

    it("loses nothing that other runs have in flight", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const names = Array.from({ length: 6 }, (_, i) => `kept-${i}/1`);
      for (let i = 0; i < 6; i++)
        await queue.enqueue([itemOf("dropped", i + 1), itemOf(`kept-${i}`, 1)]);
      await take(queue, WORK, 8);
      await queue.dropRun("orders", "dropped");
      const back = new Set<string>();
      while (back.size < 6) {
        const delivery = await takeOne(queue, WORK);
        back.add(nameOf(delivery));
        delivery.ack();
      }
      expect([...back].sort()).toEqual(names);
    });

    it("brings nothing of the run back that somebody had in hand", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("dropped", 1), itemOf("kept", 1)]);
      const [dropped] = await take(queue, WORK, 2);
      await queue.dropRun("orders", "dropped");
      expect(await takeOne(queue, WORK)).toMatchObject({ deliveries: 2 });
      dropped?.working();
      dropped?.giveBack();
      dropped?.ack();
      expect(nameOf(await takeOne(queue, WORK))).toBe("kept/1");
      expect(await queue.queued("orders", "dropped")).toEqual([]);
    });

    it("leaves the run's start request and its name's namesakes alone", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.prepare("refunds");
      await queue.start(requestOf("r"), { infoWritten: true });
      await queue.enqueue([itemOf("r", 1), itemOf("r", 2, { workflow: "refunds" })]);
      expect(await queue.dropRun("orders", "r")).toBe(1);
      expect((await takeOne(queue, STARTS)).messageId).toBe("r");
      expect(nameOf(await takeOne(queue, { kind: "work", workflow: "refunds" }))).toBe("r/2");
    });

    it("takes new items of a run that was dropped", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await queue.dropRun("orders", "r");
      await queue.enqueue([itemOf("r", 1, { epoch: 1 })]);
      expect(nameOf(await takeOne(queue, WORK))).toBe("r/1");
    });

    it.each(ODD_IDS)("drops run %j and no other", async (runId) => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue(ODD_IDS.map((id) => itemOf(id, 1)));
      expect(await queue.dropRun("orders", runId)).toBe(1);
      const left = await takeAndAck(queue, WORK, ODD_IDS.length - 1);
      expect(left.map(nameOf).sort()).toEqual(
        ODD_IDS.filter((id) => id !== runId)
          .map((id) => `${id}/1`)
          .sort(),
      );
    });

    it("drops one message by its position", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1), itemOf("r", 2)]);
      await queue.schedule(itemOf("r", 3), Date.now() + LATER_MS);
      const { seq } = await queue.start(requestOf("s"), { infoWritten: true });
      const queued = await queue.queued("orders", "r");
      for (const { item, seq: at } of queued) if (item !== 2) await queue.drop(at);
      await queue.drop(seq);
      expect((await queue.queued("orders", "r")).map(({ item }) => item)).toEqual([2]);
      expect(await queue.startAt(seq)).toBeNull();
      expect(nameOf(await takeOne(queue, WORK))).toBe("r/2");
    });

    it("finds nothing wrong with dropping a message that is gone", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const { seq } = await queue.start(requestOf("s"), { infoWritten: true });
      await queue.drop(seq);
      await queue.drop(seq);
      await queue.drop(seq + 1_000);
    });
  });
}

function figureTests(open: () => Promise<Opened>): void {
  describe("queue upkeep: figures", () => {
    const on = freshForEachTest(open);

    it("moves the acknowledgement floor to what is acknowledged, without gaps", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.enqueue([itemOf("r", 1)]);
      await queue.enqueue([itemOf("r", 2)]);
      await queue.enqueue([itemOf("r", 3)]);
      const [first, second, third] = await take(queue, WORK, 3);
      expect(await queue.ackFloor(WORK)).toBeLessThan(first?.seq ?? 0);
      second?.ack();
      await eventually(async () => {
        expect((await queue.queued("orders", "r")).map(({ item }) => item)).toEqual([1, 3]);
      });
      expect(await queue.ackFloor(WORK)).toBeLessThan(first?.seq ?? 0);
      first?.ack();
      await eventually(async () => {
        const floor = await (await on.second()).queue.ackFloor(WORK);
        expect(floor).toBeGreaterThanOrEqual(second?.seq ?? Number.POSITIVE_INFINITY);
        expect(floor).toBeLessThan(third?.seq ?? 0);
      });
      third?.ack();
      await eventually(async () => {
        expect(await queue.ackFloor(WORK)).toBeGreaterThanOrEqual(
          third?.seq ?? Number.POSITIVE_INFINITY,
        );
      });
    });

    it("has no floor where there is no source", async () => {
      expect(await on.backend.queue.ackFloor({ kind: "work", workflow: "nothing" })).toBe(0);
      await on.backend.queue.prepare("orders");
      await on.backend.queue.enqueue([itemOf("r", 1)]);
      expect(await on.backend.queue.ackFloor({ kind: "start", workflow: "nothing" })).toBe(0);
    });

    it("keeps a floor for each source", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.start(requestOf("a"), { infoWritten: true });
      await queue.enqueue([itemOf("r", 1)]);
      const start = await takeOne(queue, STARTS);
      const item = await takeOne(queue, WORK);
      item.ack();
      await eventually(async () => {
        expect(await queue.ackFloor(WORK)).toBeGreaterThanOrEqual(item.seq);
      });
      expect(await queue.ackFloor(STARTS)).toBeLessThan(start.seq);
    });

    it("counts what waits and what is in flight, by workflow", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.prepare("refunds");
      await queue.enqueue([1, 2, 3].map((item) => itemOf("r", item)));
      await queue.schedule(itemOf("r", 4), Date.now() + LATER_MS);
      for (const runId of ["a", "b"]) await queue.start(requestOf(runId), { infoWritten: true });
      await queue.enqueue([itemOf("r", 9, { workflow: "refunds" })]);
      await backlogIs(queue, "orders", { starts: 2, items: 3, inFlight: 0 });
      const delivery = await takeOne(queue, WORK);
      await takeOne(queue, STARTS);
      await backlogIs(queue, "orders", { starts: 1, items: 2, inFlight: 2 });
      delivery.ack();
      await backlogIs((await on.second()).queue, "orders", { starts: 1, items: 2, inFlight: 1 });
      await backlogIs(queue, "refunds", { starts: 0, items: 1, inFlight: 0 });
    });

    it("counts nothing for a workflow that has nothing to do", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await backlogIs(queue, "orders", { starts: 0, items: 0, inFlight: 0 });
    });
  });
}

function backlogIs(
  queue: WorkQueue,
  workflow: string,
  figures: Omit<Backlog, "workflow">,
): Promise<void> {
  return eventually(async () => {
    const backlog = await queue.backlog();
    expect(backlog.filter((one) => one.workflow === workflow)).toEqual([{ workflow, ...figures }]);
  });
}
