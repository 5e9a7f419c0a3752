import { expect, test } from "vitest";
import { z } from "zod";
import { checkSignal, next, node, workflow } from "../../src/workflows/index.ts";

const waiting = (approval: z.ZodType) =>
  node({
    input: z.number(),
    output: z.number(),
    signals: { approval },
    run: (_context, n) => next(n),
  });

const made = workflow({
  name: "x",
  version: 1,
  nodes: { first: waiting(z.boolean()), second: waiting(z.string().refine(async (t) => t !== "")) },
  start: "first",
  edges: { first: ["second"], second: [] },
});

test("a signal passes where one of the nodes that declare it takes its payload", async () => {
  await expect(checkSignal(made, "approval", true)).resolves.toBeUndefined();
  await expect(checkSignal(made, "approval", "yes")).resolves.toBeUndefined();
});

test("a signal is refused where none of the nodes that declare it takes its payload", async () => {
  await expect(checkSignal(made, "approval", "")).rejects.toThrow(
    'the payload of signal "approval" for node "first" does not fit',
  );
});

test("a signal that no node declares passes", async () => {
  await expect(checkSignal(made, "toString", { any: "thing" })).resolves.toBeUndefined();
});
