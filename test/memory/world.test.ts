import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { Delivery, QueueSource } from "../../src/core/ports/work-queue.ts";
import { openMemoryBackend } from "../../src/memory/backend.ts";
import type { MemoryOptions } from "../../src/memory/options.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import {
  checkpointOf,
  errorOf,
  eventOf,
  heartbeatOf,
  infoOf,
  itemOf,
  metricsOf,
  requestOf,
} from "../conformance/fixtures.ts";

const WORK: QueueSource = { kind: "work", workflow: "orders" };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Counts timers that have been set and neither fired nor been taken back. */
class CountingClock implements Clock {
  readonly now = systemClock.now;
  readonly elapsed = systemClock.elapsed;
  readonly random = systemClock.random;
  waiting = 0;
  after(ms: number, run: () => void): () => void {
    this.waiting += 1;
    let isOver = false;
    const end = (): void => {
      if (!isOver) this.waiting -= 1;
      isOver = true;
    };
    const timer = setTimeout(() => {
      end();
      run();
    }, ms);
    return () => {
      end();
      clearTimeout(timer);
    };
  }
}

describe("time in a memory world", () => {
  it("brings an unacknowledged message back at exactly the acknowledgement wait", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock, ackWaitMs: 1_000 });
    await queue.enqueue([itemOf("r", 1)]);
    const got: Delivery[] = [];
    void queue.pull(WORK, 3, (delivery) => got.push(delivery), new AbortController().signal);
    await clock.advance(999);
    expect(got.map(({ deliveries }) => deliveries)).toEqual([1]);
    await clock.advance(1);
    expect(got.map(({ deliveries }) => deliveries)).toEqual([1, 2]);
    got[1]?.working();
    await clock.advance(600);
    got[1]?.working();
    await clock.advance(999);
    expect(got).toHaveLength(2);
    await clock.advance(1);
    expect(got).toHaveLength(3);
  });

  it("fires a schedule a month away when that month is over", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock, patienceMs: 400 * DAY_MS });
    const got: Delivery[] = [];
    void queue.pull(WORK, 1, (delivery) => got.push(delivery), new AbortController().signal);
    await queue.schedule(itemOf("r", 1), clock.now() + 30 * DAY_MS);
    await clock.advance(30 * DAY_MS - 1);
    expect(got).toEqual([]);
    await clock.advance(1);
    expect(got).toHaveLength(1);
    expect(got[0]?.acceptedAt).toBe(clock.now());
  });

  it("settles what is due also where nobody waits for it", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock });
    await queue.schedule(itemOf("r", 1), clock.now() + 1_000);
    expect(await queue.queued("orders", "r")).toMatchObject([{ scheduled: true }]);
    await clock.advance(1_000);
    expect(await queue.queued("orders", "r")).toMatchObject([{ scheduled: false }]);
    expect(await queue.backlog()).toEqual([
      { workflow: "orders", starts: 0, items: 1, inFlight: 0 },
    ]);
  });

  it("ends a pull when its patience ends", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock, patienceMs: 5_000 });
    let isOver = false;
    const pulling = queue
      .pull(WORK, 1, () => expect.unreachable(), new AbortController().signal)
      .then(() => {
        isOver = true;
      });
    await clock.advance(4_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await pulling;
    await queue.enqueue([itemOf("r", 1)]);
    await clock.advance(0);
  });

  it("remembers a message id as long as the duplicate window", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock, duplicateWindowMs: 1_000 });
    const first = await queue.start(requestOf("r"), { infoWritten: true });
    await clock.advance(999);
    expect(await queue.start(requestOf("r"), { infoWritten: true })).toEqual({
      ...first,
      duplicate: true,
    });
    await clock.advance(1);
    const again = await queue.start(requestOf("r"), { infoWritten: true });
    expect(again.duplicate).toBe(false);
    expect(again.seq).toBeGreaterThan(first.seq);
  });

  it("forgets ended runs when their retention is over, and no others", async () => {
    const clock = new ManualClock();
    const { contexts, runs, metrics, errors, history } = openMemoryBackend({
      clock,
      retentionMs: HOUR_MS,
    });
    for (const [runId, status] of [
      ["ended", "completed"],
      ["alive", "running"],
      ["paused", "paused"],
    ] as const) {
      await contexts.create(checkpointOf(runId, { status }));
      await runs.create(infoOf(runId, { status }));
      await metrics.put({ ...metricsOf(runId), status });
      await errors.put(errorOf(runId, 1, 1));
      await history.append("orders", runId, [eventOf(runId, 1)]);
    }
    await clock.advance(HOUR_MS - 1);
    expect(await contexts.get("ended")).not.toBeNull();
    expect(await history.list("orders", "ended", 0, 9)).toHaveLength(1);
    await clock.advance(1);
    expect(await contexts.get("ended")).toBeNull();
    expect(await runs.get("ended")).toBeNull();
    expect(await metrics.get("ended")).toBeNull();
    expect(await errors.list("ended", 9)).toEqual([]);
    expect(await history.list("orders", "ended", 0, 9)).toEqual([]);
    for (const runId of ["alive", "paused"]) {
      expect(await contexts.get(runId)).not.toBeNull();
      expect(await runs.get(runId)).not.toBeNull();
      expect(await metrics.get(runId)).not.toBeNull();
    }
    expect((await runs.list({}, 9, null)).items).toHaveLength(2);
  });

  it("keeps a failed run that was resumed", async () => {
    const clock = new ManualClock();
    const { contexts } = openMemoryBackend({ clock, retentionMs: HOUR_MS });
    const failed = (await contexts.create(checkpointOf("r", { status: "failed" }))) ?? 0;
    await clock.advance(HOUR_MS / 2);
    await contexts.update(checkpointOf("r"), failed);
    await clock.advance(10 * HOUR_MS);
    expect(await contexts.get("r")).not.toBeNull();
  });

  it("keeps the history of a run to which something is added", async () => {
    const clock = new ManualClock();
    const { history } = openMemoryBackend({ clock, retentionMs: HOUR_MS });
    await history.append("orders", "r", [eventOf("r", 1)]);
    await clock.advance(HOUR_MS - 1);
    await history.append("orders", "r", [eventOf("r", 2)]);
    await clock.advance(HOUR_MS - 1);
    expect(await history.list("orders", "r", 0, 9)).toHaveLength(2);
    await clock.advance(1);
    expect(await history.list("orders", "r", 0, 9)).toEqual([]);
  });

  it("forgets a worker that says nothing more", async () => {
    const clock = new ManualClock();
    const { liveness } = openMemoryBackend({ clock, livenessTtlMs: 1_000 });
    await liveness.put(() => heartbeatOf("quiet"));
    await liveness.put(() => heartbeatOf("alive"));
    await clock.advance(999);
    await liveness.put(() => heartbeatOf("alive"));
    await clock.advance(1);
    expect((await liveness.list()).map(({ workerId }) => workerId)).toEqual(["alive"]);
  });

  it("waits for answers as long as the clock says", async () => {
    const clock = new ManualClock();
    const { control } = openMemoryBackend({ clock });
    control.listen("a", () => {});
    const asking = control.ask({ type: "cancel", runId: "r", revision: 1 }, 2, HOUR_MS);
    await clock.advance(HOUR_MS);
    expect(await asking).toEqual(["a"]);
  });
});

describe("a memory world", () => {
  it("shares everything between its backends and nothing with other worlds", async () => {
    const world = new MemoryWorld();
    const [a, b] = [world.open(), world.open()];
    await a.contexts.create(checkpointOf("r"));
    expect(await b.contexts.get("r")).not.toBeNull();
    expect(await openMemoryBackend().contexts.get("r")).toBeNull();
  });

  it("takes start requests as anybody publishes them", async () => {
    const world = new MemoryWorld();
    const { queue } = world.open();
    const { seq } = world.publishStart("orders", "not JSON", "mine");
    expect(world.publishStart("orders", "{}", "mine")).toEqual({ seq, duplicate: true });
    expect(world.publishStart("orders", '{"input":1}').duplicate).toBe(false);
    expect(world.publishStart("orders", '{"input":1}').duplicate).toBe(false);
    await expect(queue.startAt(seq)).rejects.toMatchObject({ code: "validation" });
    expect(await queue.startAt(seq + 1)).toMatchObject({
      runId: expect.stringMatching(/^[0-9a-f]{8}-/),
      input: 1,
    });
    const got: Delivery[] = [];
    await queue.pull(
      { kind: "start", workflow: "orders" },
      3,
      (delivery) => got.push(delivery),
      never(),
    );
    expect(got.map(({ body, messageId }) => [body, messageId])).toEqual([
      ["not JSON", "mine"],
      ['{"input":1}', null],
      ['{"input":1}', null],
    ]);
    expect(got[0]).toMatchObject({ subject: "floxide.start.orders", infoWritten: false });
  });

  it("holds no timer once its backends are closed", async () => {
    const clock = new CountingClock();
    const world = new MemoryWorld({ clock, ackWaitMs: 50 });
    const [a, b] = [world.open(), world.open()];
    await a.queue.enqueue([itemOf("r", 1)]);
    await a.queue.schedule(itemOf("r", 2), Date.now() + HOUR_MS);
    const pulls = [
      a.queue.pull(WORK, 5, () => {}, never()),
      b.queue.pull(WORK, 5, () => {}, never()),
      a.control.ask({ type: "cancel", runId: "r", revision: 1 }, 3, HOUR_MS),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.waiting).toBeGreaterThan(0);
    await a.close();
    await world.close();
    await Promise.all(pulls);
    expect(clock.waiting).toBe(0);
  });

  it("holds no timer for what nobody waits for", async () => {
    const clock = new CountingClock();
    const { queue, contexts } = openMemoryBackend({ clock });
    await queue.enqueue([itemOf("r", 1)]);
    await queue.schedule(itemOf("r", 2), Date.now() + HOUR_MS);
    await queue.pull(WORK, 1, () => {}, never());
    await contexts.create(checkpointOf("r", { status: "completed" }));
    expect(clock.waiting).toBe(0);
  });

  it("refuses everything through a backend that is closed, and lets the others be", async () => {
    const world = new MemoryWorld();
    const [closed, open] = [world.open(), world.open()];
    await closed.close();
    await closed.close();
    await expect(closed.contexts.get("r")).rejects.toMatchObject({ code: "backend" });
    await expect(closed.queue.pull(WORK, 1, () => {}, never())).rejects.toMatchObject({
      code: "backend",
    });
    expect(() => closed.control.tell({ type: "pause", runId: "r", revision: 1 })).toThrow("closed");
    expect(await open.contexts.get("r")).toBeNull();
  });

  it("takes nothing from a backend that is closed: as if its process had died", async () => {
    const clock = new ManualClock();
    const world = new MemoryWorld({ clock, ackWaitMs: 1_000 });
    const [dead, alive] = [world.open(), world.open()];
    await dead.queue.enqueue([itemOf("r", 1), itemOf("r", 2)]);
    const got: Delivery[] = [];
    await dead.queue.pull(WORK, 2, (delivery) => got.push(delivery), never());
    const heard: string[] = [];
    dead.control.listen("dead", ({ runId }) => heard.push(runId));
    await dead.runs.watchEnded(({ runId }) => heard.push(runId));
    await dead.close();
    for (const delivery of got) {
      delivery.ack();
      delivery.giveBack();
      delivery.working();
    }
    alive.control.tell({ type: "cancel", runId: "r", revision: 1 });
    await alive.runs.create(infoOf("r", { status: "completed" }));
    const again: Delivery[] = [];
    void alive.queue.pull(WORK, 2, (delivery) => again.push(delivery), never());
    await clock.advance(1_000);
    expect(again.map(({ deliveries }) => deliveries)).toEqual([2, 2]);
    expect(heard).toEqual([]);
    await alive.close();
  });

  it("ends a pull with the error of who could not take the message, which comes again", async () => {
    const clock = new ManualClock();
    const { queue } = openMemoryBackend({ clock, ackWaitMs: 1_000 });
    await queue.enqueue([itemOf("r", 1)]);
    const refuse = (): void => {
      throw new Error("no room");
    };
    await expect(queue.pull(WORK, 1, refuse, never())).rejects.toThrow("no room");
    const again: Delivery[] = [];
    void queue.pull(WORK, 1, (delivery) => again.push(delivery), never());
    await clock.advance(1_000);
    expect(again).toMatchObject([{ deliveries: 2 }]);
  });

  it("gives messages to those who wait in turns", async () => {
    const { queue } = openMemoryBackend();
    const got: string[] = [];
    const pulls = ["a", "b"].map((name) => queue.pull(WORK, 2, () => got.push(name), never()));
    await queue.enqueue([1, 2, 3, 4].map((item) => itemOf("r", item)));
    await Promise.all(pulls);
    expect(got).toEqual(["a", "b", "a", "b"]);
  });

  it("lists errors of the same millisecond by item and attempt", async () => {
    const { errors } = openMemoryBackend();
    const all = [errorOf("r", 1, 1), errorOf("r", 1, 2), errorOf("r", 2, 1)];
    for (const error of [...all].reverse()) await errors.put(error);
    expect(await errors.list("r", 9)).toEqual(all);
  });

  it("keeps no more than ten thousand dead letters", async () => {
    const { deadLetters } = openMemoryBackend();
    const letter = { code: "c", reason: "r", subject: "s", workflow: "w", runId: null, body: "" };
    for (let i = 0; i < 10_003; i++) await deadLetters.add(letter);
    const letters = await deadLetters.list(20_000, null);
    expect(letters).toHaveLength(10_000);
    expect(letters.at(-1)?.id).toBe(4);
  });

  it.each(["", "!", "W10", "WyJ4Il0"])("refuses %j as a cursor", async (cursor) => {
    const { runs } = openMemoryBackend();
    await expect(runs.list({}, 5, cursor)).rejects.toMatchObject({ code: "validation" });
  });

  it.each([
    ["namespace", { namespace: "a b" }],
    ["ackWaitMs", { ackWaitMs: 0 }],
    ["clock", { clock: {} as ManualClock }],
    ["surprise", { surprise: 1 }],
  ])("refuses options whose %s does not fit", (name, options) => {
    expect(() => openMemoryBackend(options as MemoryOptions)).toThrow(
      expect.objectContaining({ code: "definition", message: expect.stringContaining(name) }),
    );
  });

  it("stands in for 100,000 messages at once", { timeout: 20_000 }, async () => {
    const { queue } = openMemoryBackend();
    await queue.enqueue(Array.from({ length: 100_000 }, (_, i) => itemOf("r", i + 1)));
    let taken = 0;
    await queue.pull(
      WORK,
      100_000,
      (delivery) => {
        taken += 1;
        delivery.ack();
      },
      never(),
    );
    expect(taken).toBe(100_000);
    expect(await queue.queued("orders", "r")).toEqual([]);
  });
});

const never = (): AbortSignal => new AbortController().signal;
