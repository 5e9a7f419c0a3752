import { expect, it } from "vitest";
import { iso, systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";

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
