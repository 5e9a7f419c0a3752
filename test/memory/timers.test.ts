import { describe, expect, it } from "vitest";
import { ManualClock } from "../../src/memory/timers.ts";

describe("manual clock", () => {
  it("stands still by itself", () => {
    const clock = new ManualClock({ startMs: 5 });
    expect(clock.now()).toBe(5);
    expect(clock.now()).toBe(5);
  });

  it("begins at the beginning of 2026 and gives a half where nothing else is said", () => {
    const clock = new ManualClock();
    expect(new Date(clock.now()).toISOString()).toBe("2026-01-01T00:00:00.000Z");
    expect(clock.random()).toBe(0.5);
    expect(new ManualClock({ random: () => 0.25 }).random()).toBe(0.25);
  });

  it("fires timers in the order of their times while it advances", async () => {
    const clock = new ManualClock({ startMs: 0 });
    const fired: string[] = [];
    for (const [name, ms] of [
      ["late", 30],
      ["early", 10],
      ["also early", 10],
      ["never", 41],
    ] as const) {
      clock.after(ms, () => fired.push(`${name} at ${clock.now()}`));
    }
    await clock.advance(40);
    expect(fired).toEqual(["early at 10", "also early at 10", "late at 30"]);
    expect(clock.now()).toBe(40);
  });

  it("fires timers that timers made, and lets promises go on in between", async () => {
    const clock = new ManualClock({ startMs: 0 });
    const fired: number[] = [];
    const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    const walk = (async () => {
      for (let i = 0; i < 3; i++) {
        await wait(10);
        fired.push(clock.now());
      }
    })();
    await clock.advance(100);
    await walk;
    expect(fired).toEqual([10, 20, 30]);
  });

  it("does not fire a timer that was taken back", async () => {
    const clock = new ManualClock();
    const cancel = clock.after(1, () => expect.unreachable());
    cancel();
    await clock.advance(10);
    expect(await clock.advanceToNext()).toBe(false);
  });

  it("jumps to the next timer", async () => {
    const clock = new ManualClock({ startMs: 0 });
    const fired: number[] = [];
    clock.after(3_600_000, () => fired.push(1));
    clock.after(7_200_000, () => fired.push(2));
    expect(await clock.advanceToNext()).toBe(true);
    expect([clock.now(), ...fired]).toEqual([3_600_000, 1]);
    expect(await clock.advanceToNext()).toBe(true);
    expect(await clock.advanceToNext()).toBe(false);
    expect(clock.now()).toBe(7_200_000);
  });
});
