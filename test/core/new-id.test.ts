import { describe, expect, it, vi } from "vitest";
import { newId } from "../../src/core/new-id.ts";

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const msOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

describe("a new id", () => {
  it("is a uuid of version 7 with the time in it", () => {
    const before = Date.now();
    const id = newId();
    expect(id).toMatch(FORM);
    expect(msOf(id)).toBeGreaterThanOrEqual(before);
    expect(msOf(id)).toBeLessThanOrEqual(Date.now());
  });

  it("is given once, is larger than those before it, and shares no chance with them", () => {
    const ids = Array.from({ length: 5_000 }, () => newId());
    expect(new Set(ids).size).toBe(5_000);
    expect([...ids].sort()).toEqual(ids);
    // 48 bits of chance each: two of five thousand are the same once in 20 million times.
    expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(5_000);
  });

  it("ascends where the clock is set back, and goes with it when it has caught up", () => {
    vi.useFakeTimers();
    try {
      const now = Date.now();
      vi.setSystemTime(now + 1_000);
      const ahead = newId();
      vi.setSystemTime(now);
      const back = newId();
      expect(back > ahead).toBe(true);
      expect(msOf(back)).toBe(msOf(ahead));
      vi.setSystemTime(now + 2_000);
      expect(msOf(newId())).toBe(now + 2_000);
    } finally {
      vi.useRealTimers();
    }
  });
});
