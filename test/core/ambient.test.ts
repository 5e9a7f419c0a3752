import { describe, expect, it, vi } from "vitest";
import { every, iso, sleep, systemClock, within } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { ManualClock } from "../../src/memory/timers.ts";

it("takes time and chance from the machine where nothing else is given", () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  const random = systemClock.random();
  expect(random >= 0 && random < 1).toBe(true);
});

it("stores times as ISO text", () => {
  expect(iso(0)).toBe("1970-01-01T00:00:00.000Z");
});

it("logs nothing where no logger is given", () => {
  for (const level of ["debug", "info", "warn", "error"] as const) {
    expect(silentLogger[level]({}, "words")).toBeUndefined();
  }
});

describe("system timers", () => {
  it("call back, and not where they are taken back", async () => {
    const fired: string[] = [];
    const cancel = systemClock.after(1, () => fired.push("cancelled"));
    cancel();
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    expect(fired).toEqual([]);
  });

  it("do not fire at once what is far away", async () => {
    const cancel = systemClock.after(2 ** 40, () => expect.unreachable());
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    cancel();
  });
});

describe("what is made of timers", () => {
  it("calls again and again until it is stopped", async () => {
    const clock = new ManualClock({ startMs: 0 });
    const at: number[] = [];
    const stop = every(clock, 10, () => at.push(clock.now()));
    await clock.advance(35);
    stop();
    await clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
  });

  it("can be stopped from within a call", async () => {
    const clock = new ManualClock({ startMs: 0 });
    let calls = 0;
    const stop = every(clock, 10, () => {
      calls += 1;
      stop();
    });
    await clock.advance(35);
    expect(calls).toBe(1);
  });

  it("sleeps for so long, or until the signal", async () => {
    const clock = new ManualClock({ startMs: 0 });
    const over = vi.fn();
    const abort = new AbortController();
    void sleep(clock, 10).then(over);
    void sleep(clock, 1_000, abort.signal).then(over);
    await clock.advance(9);
    expect(over).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(over).toHaveBeenCalledTimes(1);
    abort.abort();
    await clock.advance(0);
    expect(over).toHaveBeenCalledTimes(2);
    expect(await clock.advanceToNext()).toBe(false);
  });

  it("waits for work no longer than it says, and throws what the work throws", async () => {
    const clock = new ManualClock({ startMs: 0 });
    await within(clock, 10, Promise.resolve());
    await expect(within(clock, 10, Promise.reject(new Error("no")))).rejects.toThrow("no");
    const late = within(clock, 10, new Promise(() => {}));
    await clock.advance(10);
    await late;
    expect(await clock.advanceToNext()).toBe(false);
  });
});
