import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/core/logger.ts";
import type { Delivery, QueueSource, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import { Intake } from "../../src/worker/intake.ts";

const WORK = { kind: "work", workflow: "a" } as const;
const START = { kind: "start", workflow: "a" } as const;
const OTHER_START = { kind: "start", workflow: "b" } as const;
const ANSWER_MS = 1;

const nameOf = ({ kind, workflow }: QueueSource): string => `${kind} ${workflow}`;

interface Asked {
  readonly source: QueueSource;
  readonly signal: AbortSignal;
  readonly deliver: (delivery: Delivery) => void;
  readonly settle: () => void;
  left: number;
}

/** Answers after a millisecond, in the order of asking. */
class FakeQueue {
  readonly ackWaitMs = 30_000;
  readonly clock: ManualClock;
  asked = 0;
  renewed = 0;
  givenBack = 0;
  readonly #has = new Map<string, number>();
  readonly #waiting: Asked[] = [];

  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  /** Puts so many messages into a source. */
  fill(source: QueueSource, messages = Number.POSITIVE_INFINITY): void {
    this.#has.set(nameOf(source), messages);
    for (const asked of this.#waiting.splice(0)) this.#answer(asked);
  }

  pull(
    source: QueueSource,
    max: number,
    deliver: (delivery: Delivery) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.asked++;
    return new Promise((settle) => {
      signal.addEventListener("abort", () => settle(), { once: true });
      this.#answer({ source, signal, deliver, settle, left: max });
    });
  }

  #answer(asked: Asked): void {
    if (this.#left(asked) > 0) this.clock.after(ANSWER_MS, () => this.#deliver(asked));
    else this.#waiting.push(asked);
  }

  #deliver(asked: Asked): void {
    const { source, signal, deliver } = asked;
    for (; asked.left > 0 && this.#left(asked) > 0 && !signal.aborted; asked.left--) {
      this.#has.set(nameOf(source), this.#left(asked) - 1);
      const giveBack = () => {
        this.givenBack += 1;
        this.fill(source, this.#left(asked) + 1);
      };
      const working = () => {
        this.renewed += 1;
      };
      deliver({ ...source, giveBack, working } as Partial<Delivery> as Delivery);
    }
    if (asked.left === 0) asked.settle();
    else if (!signal.aborted) this.#waiting.push(asked);
  }

  #left({ source }: Asked): number {
    return this.#has.get(nameOf(source)) ?? 0;
  }
}

describe("intake", () => {
  let clock: ManualClock;
  let queue: FakeQueue;
  let began: { readonly name: string; readonly at: number }[];
  let intake: Intake;

  const open = (slots: number, takesMs: number, unevenMs = 0): void => {
    intake = new Intake({
      queue: queue as Partial<WorkQueue> as WorkQueue,
      sources: [WORK, START, OTHER_START],
      slots,
      clock,
      log: silentLogger,
      handle: (delivery) => {
        began.push({ name: nameOf(delivery), at: clock.elapsed() });
        return new Promise((resolve) =>
          clock.after(takesMs + (began.length % 3) * unevenMs, resolve),
        );
      },
    });
    intake.start();
  };
  const starts = (): number => began.length - count("work a");
  const count = (name: string): number => began.filter((one) => one.name === name).length;

  beforeEach(() => {
    clock = new ManualClock({ startMs: 0 });
    queue = new FakeQueue(clock);
    began = [];
  });
  afterEach(async () => {
    await intake.close();
  });

  it.each([
    { slots: 1, takesMs: 300, atLeast: 9, atMost: 15 },
    { slots: 2, takesMs: 300, atLeast: 9, atMost: 12 },
    { slots: 4, takesMs: 60, atLeast: 60, atMost: 85 },
    { slots: 50, takesMs: 60, atLeast: 120, atMost: 200 },
  ])(
    "lets starts have their share beside work without end: $slots slots, $takesMs ms",
    async ({ slots, takesMs, atLeast, atMost }) => {
      queue.fill(WORK);
      open(slots, takesMs);
      await clock.advance(1_000);
      queue.fill(START);
      queue.fill(OTHER_START);
      began = [];
      await clock.advance(10_000);
      expect(starts()).toBeGreaterThanOrEqual(atLeast);
      expect(starts()).toBeLessThanOrEqual(atMost);
      expect(count("work a")).toBeGreaterThan(2 * starts());
    },
  );

  it("lets one start begin beside short work, of which there is always more in hand", async () => {
    queue.fill(WORK);
    open(4, 20, 3);
    await clock.advance(1_000);
    queue.fill(START, 1);
    began = [];
    await clock.advance(400);
    expect(count("start a")).toBe(1);
    expect(count("work a")).toBeGreaterThan(50);
  });

  it.each([
    { slots: 1, takesMs: 300 },
    { slots: 2, takesMs: 100 },
    { slots: 50, takesMs: 60 },
  ])(
    "loses little time to starts that are not there: $slots slots, $takesMs ms",
    async ({ slots, takesMs }) => {
      queue.fill(WORK);
      open(slots, takesMs);
      await clock.advance(10_000);
      const most = (slots * 10_000) / (takesMs + ANSWER_MS);
      expect(count("work a")).toBeGreaterThan(0.92 * most);
    },
  );

  it("gives the turns of starts to the workflows in turn", async () => {
    queue.fill(WORK);
    open(2, 300);
    await clock.advance(1_000);
    queue.fill(START);
    queue.fill(OTHER_START);
    began = [];
    await clock.advance(10_000);
    const starts = began.map(({ name }) => name).filter((name) => name.startsWith("start"));
    expect(starts.length).toBeGreaterThan(7);
    for (const [i, name] of starts.entries()) expect(name).not.toBe(starts[i + 1]);
  });

  it("takes work alone while starts have had their turn", async () => {
    queue.fill(WORK);
    queue.fill(START);
    open(1, 100);
    await clock.advance(10_000);
    const starts = [...began.entries()].filter(([, { name }]) => name === "start a");
    const gaps = starts.slice(2).map(([at], i) => at - (starts[i + 1]?.[0] ?? 0) - 1);
    expect(Math.min(...gaps)).toBe(8);
  });

  it("asks for nothing more while all that it has asked for is still to come", async () => {
    open(2, 100);
    await clock.advance(60_000);
    expect(queue.asked).toBe(3);
    expect(began).toEqual([]);
  });
});

it("lets go of what waits, and asks for no more, once short work has turned long", async () => {
  const clock = new ManualClock({ startMs: 0 });
  const queue = new FakeQueue(clock);
  let takesMs = 5;
  const intake = new Intake({
    queue: queue as Partial<WorkQueue> as WorkQueue,
    sources: [WORK],
    slots: 4,
    clock,
    log: silentLogger,
    handle: () => new Promise((resolve) => clock.after(takesMs, resolve)),
  });
  queue.fill(WORK);
  intake.start();
  await clock.advance(1_000);
  takesMs = 20_000;
  await clock.advance(1_000);
  const asked = queue.asked;
  const givenBack = queue.givenBack;
  expect(givenBack).toBeGreaterThan(0);
  await clock.advance(10_000);
  expect(queue.asked).toBe(asked);
  expect(queue.givenBack).toBe(givenBack);
  takesMs = 5;
  await clock.advance(20_000);
  expect(queue.asked).toBeGreaterThan(asked + 100);
  const closing = intake.close();
  await clock.advance(100);
  await closing;
});

it("renews what is in hand also where the wall clock is set back", async () => {
  const clock = new ManualClock();
  const queue = new FakeQueue(clock);
  let setBackMs = 0;
  const shifted = {
    now: () => clock.now() - setBackMs,
    elapsed: () => clock.elapsed(),
    random: () => 0.5,
    after: (ms: number, run: () => void) => clock.after(ms, run),
  };
  let end: () => void = () => {};
  const intake = new Intake({
    queue: queue as unknown as WorkQueue,
    sources: [WORK],
    slots: 1,
    clock: shifted,
    log: silentLogger,
    handle: () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  });
  queue.fill(WORK, 1);
  intake.start();
  await clock.advance(5_000);
  setBackMs = 3_600_000;
  await clock.advance(120_000);
  expect(queue.renewed).toBeGreaterThan(8);
  end();
  await intake.close();
});
