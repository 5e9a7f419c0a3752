import { expect, expectTypeOf, test } from "vitest";
import { contact, contacts } from "../../examples/12-nested.ts";
import { trip } from "../../examples/13-merge-by-hold.ts";
import { root } from "../../examples/15-loop.ts";
import { ledger } from "../../examples/16-event-log.ts";
import { press } from "../../examples/17-graph.ts";
import { decades, letters } from "../../examples/18-generics.ts";
import { article } from "../../examples/19-article.ts";
import { runLocal, toDot, toMermaid } from "../../src/index.ts";

test("12 gives the same by itself and as a node of another workflow", async () => {
  const lines = [" A@B.org", "+1 2/3", "x "];
  const given = await Promise.all(lines.map((line) => runLocal(contact, line)));
  expect(given.map(({ value }) => value)).toEqual(["a@b.org", "+123", "x"]);
  expect(await runLocal(contacts, lines.join("\n"))).toEqual({ contacts: given, fixed: 2 });
});

test("13 lets exactly one of the branches go on", async () => {
  const cities = Array.from({ length: 5 }, (_, i) => `city ${i}`);
  const trips = await Promise.all(cities.map((city) => runLocal(trip, city)));
  expect(trips).toEqual(
    cities.map((city) => [`flight in ${city}`, `hotel in ${city}`, `museum in ${city}`]),
  );
});

test("15 ends at one of two ends", async () => {
  expect(await runLocal(root, 9)).toMatch(/^root of 9 is 3, after \d turns$/);
  expect(await runLocal(root, -2)).toEqual({ noRootOf: -2 });
});

test("16 folds the events and merges the ranges", async () => {
  const bookings = [5, -3, 8].map((cents, i) => ({ account: i === 1 ? "b" : "a", cents }));
  const context = { bookings: [{ account: "a", cents: 100 }] };
  expect(await runLocal(ledger, bookings, { context })).toEqual({
    balances: { a: 113, b: -3 },
    range: { min: -3, max: 8 },
    accounts: 2,
  });
  expect(await runLocal(ledger, [])).toEqual({ balances: {}, range: null, accounts: 0 });
});

test("17 draws every kind of edge", () => {
  const mermaid = toMermaid(press);
  for (const part of ["flowchart TD", "==>", "-.->", '|"short"|']) expect(mermaid).toContain(part);
  const dot = toDot(press);
  for (const part of ['digraph "press"', "style=bold", "style=dashed"]) expect(dot).toContain(part);
});

test("17 can be run as well as drawn", async () => {
  expect(await runLocal(press, "a b\fccc")).toBe("3 3");
  expect(await runLocal(press, "x".repeat(104))).toBe("100");
  expect(await runLocal(press, "")).toBeNull();
  expect(await runLocal(press, Array(12).fill("x").join("\f"))).toBe("archived");
});

test("18 makes workflows that keep their types", async () => {
  const sum = await runLocal(letters, "three words here");
  expectTypeOf(sum).toEqualTypeOf<number>();
  expect(sum).toBe(14);
  const languages = [
    { name: "Ada", since: 1980 },
    { name: "Pascal", since: 1970 },
    { name: "C", since: 1972 },
  ];
  const names = await runLocal(decades, languages);
  expectTypeOf(names).toEqualTypeOf<Record<string, string[]>>();
  expect(names).toEqual({ "1970s": ["Pascal", "C"], "1980s": ["Ada"] });
});

test("19 revises until the review is content, and counts its calls once", async () => {
  const brief = { topic: "Queues", sections: 4, sentences: 3 };
  const { text, rounds, calls } = await runLocal(article, brief);
  expect(text.match(/^## /gm)).toHaveLength(4);
  expect(text.match(/\.( |$)/gm)).toHaveLength(4 * 3 + 4);
  expect({ rounds, calls }).toEqual({ rounds: 3, calls: 12 });
  expect(await runLocal(article, brief)).toEqual({ text, rounds, calls });
});

test("19 gives up revising after some rounds", async () => {
  const { rounds } = await runLocal(article, { topic: "Queues", sections: 1, sentences: 99 });
  expect(rounds).toBe(5);
});
