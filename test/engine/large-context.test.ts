import { expect, test } from "vitest";
import { z } from "zod";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { lostFields } from "../../src/core/checkpoint/wide.ts";
import { FloxideError } from "../../src/core/errors.ts";
import type { JsonPart } from "../../src/core/json-texts.ts";
import type { ContextStore, ValueStore } from "../../src/core/ports/stores.ts";
import { WholeContexts } from "../../src/core/whole-contexts.ts";
import { Outside, WIDTHS } from "../../src/engine/outside.ts";
import { writeCheckpoint } from "../../src/engine/write-checkpoint.ts";
import {
  latest,
  next,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";
import { Halt } from "../support/halt.ts";
import type { Alterations } from "./altered.ts";
import { System } from "./system.ts";

const LARGE = "x".repeat(20_000);
const fields = { large: latest(z.string()), small: latest(z.number()) };
const names = ["one", "two", "three", "four"] as const;

/** Four nodes that each write the small field; `three` may write the large one. */
function flowOf(options: { readonly replaces?: boolean; readonly at?: () => unknown } = {}) {
  const step = node({
    context: fields,
    input: z.number(),
    output: z.number(),
    run: async (c, n) => {
      c.small.set(n);
      if (n === 2 && options.replaces === true) c.large.set(`${LARGE}!`);
      if (n === 2) await options.at?.();
      return next(n + 1);
    },
  });
  return workflow({
    name: "notes",
    version: 1,
    context: fields,
    nodes: Object.fromEntries(names.map((name) => [name, step])),
    start: "one",
    edges: Object.fromEntries(names.map((name, i) => [name, names.slice(i + 1, i + 2)])),
  });
}

const largeOf = (context: unknown): unknown =>
  (context as { large: { value: unknown } }).large.value;

test("a large field is written once, whoever reads the run has it all, and it goes when the run ends", async () => {
  const halt = new Halt();
  const flow = flowOf({ at: halt.here });
  const stored: number[] = [];
  await using system = new System([flow]);
  await system.worker(
    [flow],
    {},
    {
      values: (values) => ({
        put: (runId, key, json) => {
          stored.push(json.length);
          return values.put(runId, key, json);
        },
      }),
    },
  );
  const id = await system.orchestrator.startRun(flow, 0, { context: { large: LARGE } });
  await halt.reached;
  expect(stored).toHaveLength(1);
  const view = await system.backend.contexts.get(id);
  expect(view?.checkpoint.contextKept).toHaveProperty("large");
  expect(largeOf(await system.orchestrator.context(id))).toBe(LARGE);
  halt.release();
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "completed", output: 4 });
  expect(largeOf(await system.orchestrator.context(id))).toBe(LARGE);
  expect(stored).toHaveLength(1);
  expect(await system.backend.values.runs()).toEqual([]);
});

test("a large field that is replaced is the new one from then on", async () => {
  const flow = flowOf({ replaces: true });
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 0, { context: { large: LARGE } });
  await system.orchestrator.waitForCompletion(id);
  expect(largeOf(await system.orchestrator.context(id))).toBe(`${LARGE}!`);
});

test("commands to a run leave its large fields as they are", async () => {
  const halt = new Halt();
  const flow = flowOf({ at: halt.here });
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 0, { context: { large: LARGE } });
  await halt.reached;
  await system.orchestrator.pause(id);
  halt.release();
  await system.orchestrator.resume(id);
  expect(await system.orchestrator.waitForCompletion(id)).toMatchObject({ status: "completed" });
  expect(largeOf(await system.orchestrator.context(id))).toBe(LARGE);
});

test("a cancelled run still shows its whole context", async () => {
  const halt = new Halt();
  const flow = flowOf({ at: halt.here });
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 0, { context: { large: LARGE } });
  await halt.reached;
  await system.orchestrator.cancel(id);
  halt.release();
  expect(largeOf(await system.orchestrator.context(id))).toBe(LARGE);
});

test("large fields count against the largest checkpoint as if they were in it", async () => {
  const flow = flowOf({ replaces: true });
  await using system = new System([flow], { maxValueBytes: 30_000 });
  await system.worker([flow]);
  const context = { large: "x".repeat(19_000) };
  const id = await system.orchestrator.startRun(flow, 0, { context });
  expect(await system.orchestrator.waitForCompletion(id)).toMatchObject({ status: "completed" });
  await using small = new System([flow], { maxValueBytes: 21_000 });
  await small.worker([flow]);
  const refused = small.orchestrator.startRun(flow, 0, { context });
  await expect(refused).rejects.toMatchObject({ code: "payload_too_large" });
});

const KNOWN = { runId: "r", workflow: "w", version: 1, fingerprint: "f", inputHash: "h" };
const kept = (key: string): Checkpoint => ({
  ...newCheckpoint({ ...KNOWN, startSeq: 1, context: {}, createdAt: 0 }, 0),
  contextKept: { large: [key, 3] },
});

/** A store that gives these revisions, one after the other, and the last for ever. */
const storeOf = (...keys: readonly string[]): ContextStore => {
  let reads = 0;
  return {
    get: async () => {
      const place = Math.min(reads++, keys.length - 1);
      return { checkpoint: kept(keys[place] ?? ""), revision: place + 1 };
    },
  } as Partial<ContextStore> as ContextStore;
};
const valuesOf = (values: Readonly<Record<string, string>>): ValueStore =>
  ({ get: async (_runId, key) => values[key] ?? null }) as Partial<ValueStore> as ValueStore;

test("a checkpoint whose value was replaced meanwhile is read again, as often as that takes", async () => {
  const contexts = new WholeContexts(storeOf("a", "b", "c"), valuesOf({ c: '"new"' }));
  expect(await contexts.get("r")).toMatchObject({
    revision: 3,
    checkpoint: { context: { large: "new" } },
  });
});

test("a checkpoint whose value is lost says of which field", async () => {
  const contexts = new WholeContexts(storeOf("a"), valuesOf({}));
  const read = await contexts.get("r");
  expect(read?.checkpoint.context).toEqual({});
  expect(read === null ? null : lostFields(read.checkpoint)).toEqual(["large"]);
});

test("a value is waited for only where the checkpoint that names it goes on and stays as it is", async () => {
  const asked: (boolean | undefined)[] = [];
  const values: Partial<ValueStore> = {
    get: async (_runId, _key, isKnown) => {
      asked.push(isKnown);
      return null;
    },
  };
  const on = (checkpoint: Checkpoint) =>
    new WholeContexts(
      { get: async () => ({ checkpoint, revision: 1 }) } as Partial<ContextStore> as ContextStore,
      values as ValueStore,
    );
  await on(kept("gone")).get("r");
  expect(asked).toEqual([false, true]);
  // An ended run names only what it had lost: who asks why it failed must not wait for that.
  await on({ ...kept("gone"), status: "cancelled" }).get("r");
  expect(asked).toEqual([false, true, false]);
});

test("a page of checkpoints, which a replica that is behind may give, waits for no value that has gone", async () => {
  const asked: (readonly [string, boolean | undefined])[] = [];
  const values: Partial<ValueStore> = {
    get: async (_runId, key, isKnown) => {
      asked.push([key, isKnown]);
      return key === "new" ? '"value"' : null;
    },
  };
  const old = { checkpoint: kept("old"), revision: 1 };
  const inner: Partial<ContextStore> = {
    page: async () => ({ views: [old], unreadable: [], next: null }),
    get: async () => ({ checkpoint: kept("new"), revision: 2 }),
  };
  const contexts = new WholeContexts(inner as ContextStore, values as ValueStore);
  const { views } = await contexts.page(0, 10);
  expect(views).toMatchObject([{ revision: 2, checkpoint: { context: { large: "value" } } }]);
  expect(asked).toEqual([
    ["old", false],
    ["new", false],
  ]);
});

/** A run that is paused before its last two nodes, and its large field gone. */
async function lostField(system: System, flow: ReturnType<typeof flowOf>, halt: Halt) {
  const worker = await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 0, { context: { large: LARGE } });
  await halt.reached;
  await system.orchestrator.pause(id);
  halt.release();
  await worker.stop();
  await system.backend.values.removeRun(id);
  return id;
}

const LOST = expect.stringMatching('"large" of the context of node "four" is not stored any more');

test("a run that has lost a large field fails of it, and again when it is resumed", async () => {
  const halt = new Halt();
  const flow = flowOf({ at: halt.here });
  await using system = new System([flow]);
  const id = await lostField(system, flow, halt);
  await system.worker([flow]);
  for (let time = 0; time < 2; time++) {
    await system.orchestrator.resume(id);
    const info = await system.orchestrator.waitForCompletion(id);
    expect(info).toMatchObject({ status: "failed", failure: { node: "four", message: LOST } });
  }
  expect(await system.orchestrator.deadLetters()).toEqual([]);
});

test("a run that has lost a large field can be cancelled", async () => {
  const halt = new Halt();
  const flow = flowOf({ at: halt.here });
  await using system = new System([flow]);
  const id = await lostField(system, flow, halt);
  await system.orchestrator.cancel(id);
  expect(await system.orchestrator.status(id)).toBe("cancelled");
});

test("a wide fork into ends fails where a large field was lost, and does not complete without it", async () => {
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
  const step = { context: fields, input: z.number(), output: z.number() };
  const flow = workflow({
    name: "ends",
    version: 1,
    context: fields,
    nodes: {
      one: node({
        ...step,
        run: (c, n) => {
          c.large.set(LARGE);
          return next(n);
        },
      }),
      two: node({ ...step, run: (_c, n) => next(n) }),
      fan: split({ ...step, into: upTo }),
    },
    start: "one",
    edges: { one: ["two"], two: ["fan"], fan: [] },
  });
  await using system = new System([flow]);
  system.widths = { inline: 6, chunk: 4, field: 8_192 };
  const { contexts, values } = system.backend;
  const id = await system.orchestrator.startRun(flow, 40);
  const stepper = system.idleWorker([flow], { stepsInPlace: 1 });
  const read = async () => (await contexts.get(id))?.checkpoint;
  while (!Object.values((await read())?.items ?? {}).some(({ opens }) => opens === true)) {
    await stepper.runOnce(200);
  }
  const [key = ""] = (await read())?.contextKept?.["large"] ?? [];
  await values.remove(id, [key]);
  await system.worker([flow]);
  const info = await system.orchestrator.waitForCompletion(id);
  expect(info).toMatchObject({ status: "failed", failure: { node: "fan" } });
});

test("writers that lose a compare-and-set leave none of their values behind", async () => {
  const numbers = { input: z.number(), output: z.number() };
  const large = { context: fields, ...numbers };
  const flow = workflow({
    name: "contended",
    version: 1,
    context: fields,
    nodes: {
      set: node({
        ...large,
        run: (c, n) => {
          c.large.set(`${n}${LARGE}`);
          return next(n);
        },
      }),
      fan: split({ ...numbers, into: (n) => Array.from({ length: 12 }, () => n) }),
      work: node({
        ...numbers,
        run: async (_c, n) => {
          await turn();
          return next(n);
        },
      }),
      again: node({
        input: z.array(z.number()),
        output: variants({ go: z.number(), stop: z.number() }),
        run: (_c, [n = 0]) => next(n < 20 ? variant("go", n + 1) : variant("stop", n)),
      }),
    },
    start: "set",
    edges: {
      set: ["fan"],
      fan: ["work"],
      work: { join: "again" },
      again: { on: { go: ["set"], stop: [] } },
    },
  });
  await using system = new System([flow]);
  const live = new Set<string>();
  let most = 0;
  const counting: Alterations = {
    values: (own) => ({
      put: async (runId, key, text) => {
        await own.put(runId, key, text);
        live.add(key);
        most = Math.max(most, live.size);
      },
      remove: async (runId, keys) => {
        await own.remove(runId, keys);
        for (const key of keys) live.delete(key);
      },
    }),
  };
  for (let i = 0; i < 3; i++) await system.worker([flow], { concurrency: 4 }, counting);
  const id = await system.orchestrator.startRun(flow, 0);
  expect(await system.orchestrator.waitForCompletion(id)).toMatchObject({ status: "completed" });
  // One that is named, and those of three writers that have just lost.
  expect(most).toBeLessThan(8);
});

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

const LIST = Array.from({ length: 200 }, () => "x".repeat(1_000));

test.each([
  ["a list", { items: { 1: { node: "a", input: LIST, attempt: 1, turn: 0 } } }],
  ["a context field, and nothing else that could go elsewhere", { epoch: 1 }],
])(
  "%s that was stored for a write which is too large all the same is forgotten",
  async (_what, change) => {
    const values = new Map<string, JsonPart>();
    const store: Partial<ValueStore> = {
      put: async (_runId, key, json) => void values.set(key, json),
      remove: async (_runId, keys) => {
        for (const key of keys) values.delete(key);
      },
    };
    const contexts: Partial<ContextStore> = {
      update: () => Promise.reject(new FloxideError("payload_too_large", "too large")),
    };
    let keys = 0;
    const outside = new Outside(store as ValueStore, 1_000_000, WIDTHS, () => `k${++keys}`);
    const context = "items" in change ? {} : { large: LARGE };
    const checkpoint = newCheckpoint({ ...KNOWN, startSeq: 1, context, createdAt: 0 }, 0);
    const written = writeCheckpoint(
      { store: contexts as ContextStore, outside },
      { checkpoint, revision: 5 },
      { ...checkpoint, ...change },
      0,
    );
    await expect(written).rejects.toMatchObject({ code: "payload_too_large" });
    expect(keys).toBeGreaterThan(0);
    expect(values.size).toBe(0);
  },
);
