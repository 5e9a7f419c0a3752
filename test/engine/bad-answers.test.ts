import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { LocalSystem } from "../../src/local/local-system.ts";
import { runLocal } from "../../src/local/run-local.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";
import { counter, next, nextAll, node, split, workflow } from "../../src/workflows/index.ts";
import { single } from "../support/flows.ts";

// Answers and definitions that no compiler sees: what they come to is said, and harms nobody else.

const input = z.number();
const make = (spec: object): AnyWorkflow => workflow(spec as never);
const alone = (only: object): AnyWorkflow =>
  make({ name: "alone", version: 1, nodes: { only }, start: "only", edges: { only: [] } });

test("a value that is refused at once leaves no rejection of one before it behind", async () => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  const output = z.string().refine(async (text) => text.length > 5);
  const flow = alone(node({ input, output, run: () => nextAll(["abc", 5 as never]) }));
  await expect(runLocal(flow, 1)).rejects.toThrow("(value 1) does not fit");
  await sleep(20);
  expect(unhandled).toEqual([]);
});

test("a split that gives no list is told so", async () => {
  const flow = alone(split({ input, output: input, into: () => "many" as never }));
  await expect(runLocal(flow, 1)).rejects.toThrow("`into` of a split must give a list");
});

test("a sum that is no number any more is refused", async () => {
  const context = { total: counter() };
  const only = node({
    context,
    input,
    output: input,
    run: (c, n) => {
      c.total.add(Number.MAX_VALUE);
      c.total.add(Number.MAX_VALUE);
      return next(n);
    },
  });
  const spec = { name: "sum", version: 1, context, nodes: { only } };
  const flow = make({ ...spec, start: "only", edges: { only: [] } });
  await expect(runLocal(flow, 1)).rejects.toThrow("expected a finite number");
});

test("a workflow without nodes or edges is told which", () => {
  const spec = { name: "w", version: 1 };
  expect(() => make(spec)).toThrow("nodes: expected an object");
  expect(() => make({ ...spec, nodes: {} })).toThrow("edges: expected an object");
});

test("a local system stops while a node runs, though the clock of the test stands still", async () => {
  const flow = single(() => new Promise<number>(() => {}));
  const system = await LocalSystem.start({ workflows: [flow], clock: new ManualClock() });
  await system.orchestrator.startRun(flow, 1);
  await sleep(30);
  expect(await Promise.race([system.stop().then(() => "stopped"), sleep(3_000)])).toBe("stopped");
});
