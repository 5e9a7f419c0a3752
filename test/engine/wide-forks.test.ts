import { expect, test } from "vitest";
import { z } from "zod";
import { FloxideError } from "../../src/core/errors.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import { abort, next, node, split, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { Halt } from "../support/halt.ts";
import { System } from "./system.ts";

const WIDTHS = { inline: 6, chunk: 4, field: 1_000 };

/** One item into as many as asked for, two steps each, and all of them into a list. */
function fan(options: { readonly pad?: number; readonly work?: (n: number) => unknown } = {}) {
  const { pad = 0, work = () => {} } = options;
  const value = z.object({ n: z.number(), pad: z.string() });
  return workflow({
    name: "fan",
    version: 1,
    nodes: {
      fan: split({
        input: z.number(),
        output: value,
        into: (n) => Array.from({ length: n }, (_, i) => ({ n: i, pad: "x".repeat(pad) })),
      }),
      work: node({
        input: value,
        output: value,
        run: async (_context, it) => {
          await work(it.n);
          return next(it);
        },
      }),
      more: node({ input: value, output: value, run: (_context, it) => next(it) }),
      all: node({
        input: z.array(value),
        output: z.array(z.number()),
        run: (_context, all) => next(all.map(({ n }) => n)),
      }),
    },
    start: "fan",
    edges: { fan: ["work"], work: ["more"], more: { join: "all" }, all: [] },
  });
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function wideSystem(...args: ConstructorParameters<typeof System>): System {
  const system = new System(...args);
  system.widths = WIDTHS;
  return system;
}

test("a fork that is wider than a checkpoint brings all of its results, in order", async () => {
  const flow = fan();
  await using system = wideSystem([flow]);
  await Promise.all([1, 2, 3].map(() => system.worker([flow])));
  const id = await system.orchestrator.startRun(flow, 100);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: upTo(100) });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ items: 202, completed: 202 });
  await eventually(async () => expect(await system.backend.values.runs()).toEqual([]));
});

test("a checkpoint holds a part of a wide fork only, however wide it is", async () => {
  const flow = fan();
  await using system = wideSystem([flow]);
  let most = 0;
  await system.worker(
    [flow],
    { concurrency: 2 },
    {
      contexts: (contexts) => ({
        update: (checkpoint, revision, spare) => {
          const collected = Object.values(checkpoint.forks).flatMap(
            ({ joins }) => joins["all"] ?? [],
          );
          most = Math.max(most, Object.keys(checkpoint.items).length + collected.length);
          return contexts.update(checkpoint, revision, spare);
        },
      }),
    },
  );
  const id = await system.orchestrator.startRun(flow, 300);
  await system.orchestrator.waitForCompletion(id);
  // Two chunks of branches and the item that opens them, as many results as may be inline.
  expect(most).toBeLessThanOrEqual(2 * 4 + 1 + 6);
});

test("values that do not fit into one checkpoint together are carried through a fork and its join", async () => {
  const flow = fan({ pad: 2_000 });
  await using system = wideSystem([flow], { maxValueBytes: 20_000 });
  system.widths = { inline: 1_000, chunk: 500, field: 8_192 };
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 60);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: upTo(60) });
});

test("a wide fork goes on from where it was when the run is paused and resumed", async () => {
  const held = new Halt();
  const flow = fan({ work: (n) => (n === 5 ? held.here() : undefined) });
  await using system = wideSystem([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 40);
  await held.reached;
  await system.orchestrator.pause(id);
  held.release();
  await system.orchestrator.resume(id);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: upTo(40) });
});

test("a cancelled run leaves no values", async () => {
  const held = new Halt();
  const flow = fan({ work: (n) => (n === 5 ? held.here() : undefined) });
  await using system = wideSystem([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 40);
  await held.reached;
  expect(await system.backend.values.runs()).toEqual([id]);
  await system.orchestrator.cancel(id);
  held.release();
  await eventually(async () => expect(await system.backend.values.runs()).toEqual([]));
});

test("a run whose values were lost fails and says so, and a resume says it again", async () => {
  const held = new Halt();
  const flow = fan({ work: (n) => (n === 0 ? held.here() : undefined) });
  await using system = wideSystem([flow]);
  await system.worker([flow], { concurrency: 1 });
  const id = await system.orchestrator.startRun(flow, 40);
  await held.reached;
  await system.backend.values.removeRun(id);
  held.release();
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({
    status: "failed",
    failure: { message: expect.stringMatching("not stored any more") },
  });
  expect(await system.orchestrator.errors(id)).toHaveLength(1);
  await system.orchestrator.resume(id);
  expect(await system.orchestrator.waitForCompletion(id)).toMatchObject({ status: "failed" });
});

test("a branch that fails for good hands its input to its fallback, a join that fails its values", async () => {
  const value = z.number();
  const flow = workflow({
    name: "fallbacks",
    version: 1,
    nodes: {
      fan: split({ input: value, output: value, into: upTo }),
      work: node({
        input: value,
        output: value,
        run: () => {
          throw new FloxideError("validation", "never");
        },
      }),
      instead: node({ input: value, output: value, run: (_context, n) => next(n * 10) }),
      all: node({
        input: z.array(value),
        output: value,
        run: () => {
          throw new Error("never");
        },
      }),
      sum: node({
        input: z.array(value),
        output: value,
        run: (_context, all) => next(all.reduce((a, b) => a + b, 0)),
      }),
    },
    start: "fan",
    edges: {
      fan: ["work"],
      work: { join: "all", onError: ["instead"] },
      instead: { join: "all" },
      all: { next: [], onError: ["sum"] },
      sum: [],
    },
  });
  await using system = wideSystem([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 50);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: 12_250 });
});

test("wide forks open in the branches of a wide fork", async () => {
  const value = z.number();
  const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);
  const flow = workflow({
    name: "nested",
    version: 1,
    nodes: {
      outer: split({ input: value, output: value, into: upTo }),
      inner: split({ input: value, output: value, into: () => upTo(20) }),
      work: node({ input: value, output: value, run: (_context, n) => next(n) }),
      some: node({ input: z.array(value), output: value, run: (_context, all) => next(sum(all)) }),
      all: node({ input: z.array(value), output: value, run: (_context, all) => next(sum(all)) }),
    },
    start: "outer",
    edges: {
      outer: ["inner"],
      inner: ["work"],
      work: { join: "some" },
      some: { join: "all" },
      all: [],
    },
  });
  await using system = wideSystem([flow]);
  await Promise.all([1, 2].map(() => system.worker([flow])));
  const id = await system.orchestrator.startRun(flow, 20);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: 20 * 190 });
  await eventually(async () => expect(await system.backend.values.runs()).toEqual([]));
});

test("a repair removes values of runs that have ended, once nobody can need them", async () => {
  const clock = new ManualClock();
  const flow = fan();
  await using system = wideSystem([flow], { clock });
  const { values } = system.backend;
  const id = await system.orchestrator.startRun(flow, 1);
  await values.put(id, "of a run to come", "[]");
  await system.orchestrator.repair();
  await clock.advance(11 * 60_000);
  await system.orchestrator.repair();
  expect(await values.runs()).toEqual([id]);
  await system.orchestrator.cancel(id);
  await values.put(id, "late", "[]");
  await system.orchestrator.repair();
  expect(await values.runs()).toEqual([id]);
  await clock.advance(11 * 60_000);
  await system.orchestrator.repair();
  expect(await values.runs()).toEqual([]);
});

/** So many values of so many bytes, each from a branch of its own, into one list. @param joins - one join, or two that take over */
function heavy(bytes: number, failing = false) {
  const value = z.string();
  const count = () =>
    node({ input: z.array(value), output: z.number(), run: (_c, all) => next(all.length) });
  return workflow({
    name: "heavy",
    version: 1,
    nodes: {
      fan: split({ input: z.number(), output: z.number(), into: upTo }),
      work: node({ input: z.number(), output: value, run: (_c, n) => next(`${n}`.repeat(bytes)) }),
      all: node({
        input: z.array(value),
        output: z.number(),
        run: (_c, all) => (failing ? abort("never") : next(all.length)),
      }),
      one: count(),
      other: count(),
    },
    start: "fan",
    edges: {
      fan: ["work"],
      work: { join: "all" },
      all: { next: [], onError: ["one", "other"] },
      one: [],
      other: [],
    },
  });
}

test.each([2, 3, 4, 5, 6, 9])(
  "%i values that do not fit into one checkpoint are joined all the same",
  async (n) => {
    const flow = heavy(4_000);
    await using system = new System([flow], { maxValueBytes: 12_000 });
    await system.worker([flow], { concurrency: 1 });
    const id = await system.orchestrator.startRun(flow, n);
    const info = await system.orchestrator.waitForCompletion(id);
    expect(info).toMatchObject({ status: "completed", output: n });
  },
);

test.each([9, 10, 11, 12, 13, 14])(
  "a join of %i values that fails hands all of them to each that takes over",
  async (n) => {
    const flow = heavy(1_000, true);
    await using system = new System([flow], { maxValueBytes: 20_000 });
    await system.worker([flow], { concurrency: 1 });
    const id = await system.orchestrator.startRun(flow, n);
    expect(await system.orchestrator.waitForCompletion(id)).toMatchObject({ status: "completed" });
    expect(await system.orchestrator.outputs(id)).toEqual([n, n]);
  },
);
