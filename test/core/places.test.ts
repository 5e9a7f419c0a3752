import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Places } from "../../src/core/places.ts";

describe("places", () => {
  it("hold what has entered and not left, each in a place of its own", () => {
    const steps = fc.array(fc.oneof(fc.constant("enter" as const), fc.nat(20)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (todo) => {
        const places = new Places<{ readonly n: number }>();
        const inside = new Map<number, { readonly n: number }>();
        todo.forEach((step, n) => {
          if (step === "enter") {
            const thing = { n };
            const place = places.enter(thing);
            expect(inside.has(place)).toBe(false);
            inside.set(place, thing);
          } else {
            places.leave(step);
            inside.delete(step);
          }
          expect(places.size).toBe(inside.size);
          expect(new Set(places.all())).toEqual(new Set(inside.values()));
          for (const [place, thing] of inside) expect(places.at(place)).toBe(thing);
        });
      }),
    );
  });

  it("are used again: there are no more of them than things were here at once", () => {
    const places = new Places<object>();
    const [first, second] = [places.enter({}), places.enter({})];
    for (let i = 0; i < 1_000; i++) {
      const place = places.enter({});
      expect(place).toBe(2);
      places.leave(place);
    }
    places.leave(first);
    places.leave(first);
    expect([places.enter({}), places.enter({})].sort()).toEqual([first, 2]);
    expect(places.at(second)).not.toBeNull();
    expect(places.at(9)).toBeNull();
    expect(places.at(Number.NaN)).toBeNull();
  });
});
