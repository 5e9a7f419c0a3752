import fc from "fast-check";
import { expect, it } from "vitest";
import { Heap } from "../../src/memory/heap.ts";

it("gives values in the order of their times, then of their coming", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const heap = new Heap<number>();
      for (const [i, at] of times.entries()) heap.push(at, i);
      const expected = [...times.entries()].sort(([a, x], [b, y]) => x - y || a - b);
      for (const [i, at] of expected) {
        expect(heap.nextAt).toBe(at);
        expect(heap.shift(at - 1)).toBeNull();
        expect(heap.shift(at)).toMatchObject({ at, value: i });
      }
      expect(heap.nextAt).toBeNull();
    }),
  );
});

it("keeps the order although values come and go in between", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
      const heap = new Heap<number>();
      let model: number[] = [];
      for (const at of steps) {
        if (at !== null) {
          heap.push(at, at);
          model = [...model, at].sort((a, b) => a - b);
        } else {
          expect(heap.shift(Number.POSITIVE_INFINITY)?.value).toBe(model.shift());
        }
      }
    }),
  );
});
