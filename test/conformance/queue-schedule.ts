import { describe, expect, it } from "vitest";
import type { QueueSource, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { WorkMessageSchema } from "../../src/core/records/work-message.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { itemOf, ODD_IDS } from "./fixtures.ts";
import { nameOf, takeAndAck, takeOne } from "./inbox.ts";

const WORK: QueueSource = { kind: "work", workflow: "orders" };
const LATER_MS = 3_600_000;
/** Clocks of server and test may be read apart by so much. */
const SLACK_MS = 50;

/** What every backend must do: queue schedule. */
export function queueScheduleTests(open: () => Promise<Opened>): void {
  describe("queue of items: schedules", () => {
    const on = freshForEachTest(open);

    it("delivers an item when its time has come, not before", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const due = Date.now() + 400;
      await queue.schedule(itemOf("r", 3, { revision: 8 }), due);
      const delivery = await takeOne((await on.second()).queue, WORK);
      expect(Date.now()).toBeGreaterThanOrEqual(due - SLACK_MS);
      expect(delivery).toMatchObject({ ...WORK, deliveries: 1 });
      expect(WorkMessageSchema.parse(JSON.parse(delivery.body))).toMatchObject({
        runId: "r",
        item: 3,
        revision: 8,
      });
      delivery.ack();
      await eventually(async () => expect(await queue.queued("orders", "r")).toEqual([]));
    });

    it("delivers soon what is scheduled for a time that has passed", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.schedule(itemOf("r", 1), Date.now() - 60_000);
      await queue.schedule(itemOf("r", 2), Date.now());
      const deliveries = await takeAndAck(queue, WORK, 2);
      expect(deliveries.map(nameOf).sort()).toEqual(["r/1", "r/2"]);
    });

    it("delivers in the order of the times, not of the calls", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const now = Date.now();
      await queue.schedule(itemOf("r", 1), now + 1_800);
      await queue.schedule(itemOf("r", 2), now + 300);
      await queue.enqueue([itemOf("r", 3)]);
      const deliveries = await takeAndAck(queue, WORK, 3);
      expect(deliveries.map(nameOf)).toEqual(["r/3", "r/2", "r/1"]);
    });

    it("shows what is scheduled and that it waits for its time", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.schedule(itemOf("r", 2), Date.now() + LATER_MS);
      await queue.enqueue([itemOf("r", 1)]);
      const queued = await queuedItems(queue);
      expect(queued.map(({ item, scheduled }) => ({ item, scheduled }))).toEqual([
        { item: 1, scheduled: false },
        { item: 2, scheduled: true },
      ]);
    });

    it("replaces what was scheduled for the same turn of an item", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.schedule(itemOf("r", 1, { revision: 1 }), Date.now() + LATER_MS);
      await queue.schedule(itemOf("r", 1, { revision: 2 }), Date.now() + LATER_MS);
      expect(await queuedItems(queue, 1)).toMatchObject([{ item: 1, scheduled: true }]);
      await (await on.second()).queue.schedule(itemOf("r", 1, { revision: 3 }), Date.now() + 200);
      await queue.schedule(itemOf("sentinel", 1), Date.now() + 700);
      const deliveries = await takeAndAck(queue, WORK, 2);
      expect(deliveries.map(nameOf)).toEqual(["r/1", "sentinel/1"]);
      expect(JSON.parse(deliveries[0]?.body ?? "")).toMatchObject({ revision: 3 });
    });

    it("replaces a near time with a far one", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.schedule(itemOf("r", 1), Date.now() + 500);
      await queue.schedule(itemOf("r", 1), Date.now() + LATER_MS);
      await queue.schedule(itemOf("sentinel", 1), Date.now() + 1_000);
      expect(nameOf(await takeOne(queue, WORK))).toBe("sentinel/1");
      expect(await queuedItems(queue, 1)).toMatchObject([{ item: 1, scheduled: true }]);
    });

    it("keeps the timers of an item's turns apart, and takes back one of them", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.schedule(itemOf("r", 1, { turn: 12 }), Date.now() + LATER_MS);
      await queue.schedule(itemOf("r", 1, { turn: 1 }), Date.now() + LATER_MS);
      await queue.schedule(itemOf("r", 1, { turn: 2 }), Date.now() + LATER_MS);
      const turns = async () =>
        (await queue.queued("orders", "r")).map(({ turn }) => turn ?? -1).sort((a, b) => a - b);
      await eventually(async () => expect(await turns()).toEqual([1, 2, 12]));
      await queue.unschedule("orders", "r", 1, 1);
      await eventually(async () => expect(await turns()).toEqual([2, 12]));
      await queue.dropRun("orders", "r");
      await eventually(async () => expect(await turns()).toEqual([]));
    });

    it("schedules the same item again after it was delivered", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      for (let turn = 0; turn < 2; turn++) {
        await queue.schedule(itemOf("r", 1, { turn }), Date.now() + 100);
        const delivery = await takeOne(queue, WORK);
        expect(nameOf(delivery)).toBe("r/1");
        delivery.ack();
      }
    });

    it("takes back what is scheduled, and only that", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const due = Date.now() + 500;
      await queue.schedule(itemOf("r", 1), due);
      await queue.schedule(itemOf("r", 11), due);
      await queue.schedule(itemOf("r.1", 1), due);
      await queue.enqueue([itemOf("r", 1)]);
      await (await on.second()).queue.unschedule("orders", "r", 1, 0);
      await queue.schedule(itemOf("sentinel", 1), due + 500);
      const deliveries = await takeAndAck(queue, WORK, 4);
      expect(deliveries.map(nameOf).sort()).toEqual(["r.1/1", "r/1", "r/11", "sentinel/1"]);
      expect(nameOf(deliveries.at(-1) ?? (await takeOne(queue, WORK)))).toBe("sentinel/1");
    });

    it("finds nothing wrong with taking back what is not there", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      await queue.unschedule("orders", "nobody", 1, 0);
      await queue.schedule(itemOf("r", 1), Date.now());
      await takeOne(queue, WORK);
      await queue.unschedule("orders", "r", 1, 0);
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { queue } = on.backend;
      await queue.prepare("orders");
      const due = Date.now() + 800;
      await Promise.all(ODD_IDS.map((runId) => queue.schedule(itemOf(runId, 1), due)));
      const [gone, ...kept] = ODD_IDS;
      await queue.unschedule("orders", gone, 1, 0);
      const deliveries = await takeAndAck(queue, WORK, kept.length);
      expect(deliveries.map(nameOf).sort()).toEqual(kept.map((runId) => `${runId}/1`).sort());
    });
  });
}

/** What is queued for run `r`, by item. */
async function queuedItems(
  queue: WorkQueue,
  count = 2,
): Promise<Awaited<ReturnType<WorkQueue["queued"]>>> {
  return eventually(async () => {
    const queued = await queue.queued("orders", "r");
    expect(queued).toHaveLength(count);
    return [...queued].sort((a, b) => a.item - b.item);
  });
}
