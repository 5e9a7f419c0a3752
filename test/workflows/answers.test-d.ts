import { test } from "vitest";
import { z } from "zod";
import { next, nextAll, node, split, variant, variants } from "../../src/workflows/index.ts";

// What nodes give is written as literals: those must fit the output as people mean them.

const input = z.number();
const Pair = z.tuple([z.number(), z.string()]);
const Choice = z.enum(["a", "b"]);
const Shape = z.discriminatedUnion("t", [
  z.object({ t: z.literal("x"), n: z.number() }),
  z.object({ t: z.literal("y") }),
]);

test("literals fit enums, literals and unions", () => {
  node({ input, output: Choice, run: (_context, n) => next(n > 1 ? "a" : "b") });
  node({ input, output: Choice, run: async () => next("a") });
  node({ input, output: z.literal("a"), run: () => next("a") });
  node({ input, output: z.object({ choice: Choice }), run: () => next({ choice: "a" }) });
  node({ input, output: Shape, run: (_context, n) => next({ t: "x", n }) });
  node({ input, output: Choice, run: () => nextAll(["a", "b"]) });
  split({ input, output: Choice, into: () => ["a", "b"] });
});

test("lists fit tuples and lists", () => {
  node({ input, output: Pair, run: (_context, n) => next([n, "x"]) });
  node({ input, output: Pair, run: async (_context, n) => next([n, "x"]) });
  node({ input, output: z.array(Pair), run: (_context, n) => next([[n, "x"]]) });
  node({ input, output: Pair, run: (_context, n) => nextAll([[n, "x"]]) });
  node({ input, output: z.object({ pair: Pair }), run: (_context, n) => next({ pair: [n, "x"] }) });
  node({ input, output: z.array(z.string()), run: (_context, n) => next([String(n)]) });
  const items = z.object({ items: z.array(z.object({ of: z.array(z.number()) })) });
  node({ input, output: items, run: (_context, n) => next({ items: [{ of: [n] }] }) });
  split({ input, output: Pair, into: (n) => [[n, "x"]] });
});

test("variants carry literals and lists", () => {
  const output = variants({ pair: Pair, choice: Choice });
  node({
    input,
    output,
    run: (_context, n) => next(n > 1 ? variant("pair", [n, "x"]) : variant("choice", "a")),
  });
});

test("what does not fit is refused all the same", () => {
  // @ts-expect-error "c" is none of them
  node({ input, output: Choice, run: () => next("c") });
  // @ts-expect-error a number is no string
  node({ input, output: z.string(), run: (_context, n) => next(n) });
  // @ts-expect-error three are no pair
  node({ input, output: Pair, run: (_context, n) => next([n, "x", n]) });
  // @ts-expect-error a number is no string
  split({ input, output: z.string(), into: (n) => [n] });
});
