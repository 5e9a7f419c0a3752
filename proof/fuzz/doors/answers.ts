import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { z } from "zod";
import { applyChanges } from "../../../src/core/checkpoint/apply.ts";
import {
  CheckpointSchema,
  newCheckpoint,
  START_CARRIER,
} from "../../../src/core/checkpoint/checkpoint.ts";
import { fromStoredText, toStoredText } from "../../../src/core/checkpoint/stored-form.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { AbortLater } from "../../../src/worker/abort-later.ts";
import { judge, type Case as Subject } from "../../../src/worker/judge.ts";
import { runNode } from "../../../src/worker/run-node.ts";
import {
  abort,
  eventLog,
  latest,
  mergeContext,
  next,
  nextAll,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../../src/workflows/index.ts";
import { NOW } from "../corpus.ts";
import { demand, door } from "../door.ts";
import { fields, objects } from "../hostile.ts";

// What node code may answer, throw and write into the context: it is the user's, and his mistakes must fail the item
// and nothing else. Above all, what is committed must be readable again.

/** What the node does, set by the case before it runs. */
let act: () => unknown = () => next(1);
/** What it writes into the context. */
let noted: unknown;

const anything = z.any();
const context = { notes: eventLog<unknown>(), last: latest<unknown>() };

const flow = workflow({
  name: "flow",
  version: 1,
  context,
  nodes: {
    free: node({
      context,
      input: anything,
      output: anything,
      run: (c) => {
        if (noted !== undefined) {
          c.notes.append(noted);
          c.last.set(noted);
        }
        return act() as never;
      },
    }),
    forked: node({
      input: anything,
      output: variants({ a: anything, b: anything }),
      run: () => act() as never,
    }),
    parts: split({ input: anything, output: anything, into: () => act() as never }),
  },
  start: "free",
  edges: {
    free: ["forked", "parts"],
    forked: { on: { a: [], b: [] }, onError: ["parts"] },
    parts: [],
  },
});

/** Transitions, right and forged. */
const answers = objects.chain(({ what, value }) =>
  fc.constantFrom<readonly [string, () => unknown]>(
    [`${what} itself`, () => value],
    [`next(${what})`, () => next(value)],
    [`nextAll of ${what}`, () => nextAll([1, value])],
    [`nextAll(${what})`, () => nextAll(value as never)],
    [`a variant of ${what}`, () => next(variant("a", value))],
    [`abort(${what})`, () => abort(value as never)],
    [`a forged hold for ${what}`, () => ({ type: "hold", wait: { for: value, timeoutMs: null } })],
    [
      `a forged hold of ${what} ms`,
      () => ({ type: "hold", wait: { for: null, timeoutMs: value } }),
    ],
    [`a forged wait: ${what}`, () => ({ type: "hold", wait: value })],
    [`a forged type: ${what}`, () => ({ type: value, value: 1, values: [1] })],
    [`an array of ${what}`, () => [value, 2]],
    [`a throw of ${what}`, () => raise(value)],
    [`a rejection with ${what}`, () => Promise.reject(value)],
    [`a promise of ${what}`, () => Promise.resolve(next(value))],
  ),
);

function raise(value: unknown): never {
  throw value;
}

const forged = fields(["type", "value", "values", "wait", "error"], {
  type: "next",
  value: 1,
  wait: null,
  values: [1],
}).map((made): readonly [string, () => unknown] => ["forged fields", () => made]);

interface Case {
  readonly node: "free" | "forked" | "parts";
  readonly answer: readonly [string, () => unknown];
  readonly note: { readonly what: string; readonly value: unknown } | null;
}

/** A clock that does not move. */
const clock = { ...systemClock, now: () => NOW };

export const answersDoor = door<Case>({
  name: "answers",
  summary: "what node code answers, throws and writes into the context",
  few: 800,
  cases: fc.record({
    node: fc.constantFrom("free" as const, "forked" as const, "parts" as const),
    answer: fc.oneof({ weight: 5, arbitrary: answers }, { weight: 1, arbitrary: forged }),
    note: fc.option(objects, { nil: null }),
  }),
  open: () => ({
    attempt: async ({ node: name, answer, note }) => {
      act = answer[1];
      noted = note?.value;
      const checkpoint = begun(name);
      const item = checkpoint.items[1];
      demand(item !== undefined, "the run has no item");
      const answered = await runNode({
        workflow: flow,
        runId: "r",
        id: 1,
        item,
        context: checkpoint.context,
        abort: new AbortLater(),
        clock,
        log: silentLogger,
        newId: () => "id",
      });
      demand(answered.type !== "aborted", "nobody has aborted the node");
      const subject: Subject = {
        workflow: flow,
        id: 1,
        item,
        carrier: START_CARRIER,
        contextVersion: checkpoint.contextVersion,
        deliveries: 1,
        fallbackPolicy: null,
        clock,
      };
      const change = judge(subject, answered);
      const done = applyChanges(checkpoint, [change], { ...ENV, now: NOW });
      demand(done.outcomes[0]?.applied === true, "the answer does not count");
      const read = CheckpointSchema.parse(fromStoredText(toStoredText(done.checkpoint)));
      demand(isDeepStrictEqual(read, done.checkpoint), "what is stored is read as something else");
      if ("failure" in change) {
        demand(
          JSON.stringify(change.failure).length < 40_000,
          "a failure is as large as what it tells of",
        );
        return change.failure.kind === "validation" ? "validation" : "failed";
      }
      return "accepted";
    },
  }),
});

const ENV = {
  by: "w1",
  commit: "c",
  merge: (stored: Parameters<typeof mergeContext>[1], delta: Parameters<typeof mergeContext>[2]) =>
    mergeContext(flow.context, stored, delta),
};

function begun(name: string) {
  const run = {
    runId: "r",
    workflow: "flow",
    version: 1,
    fingerprint: flow.fingerprint,
    inputHash: "h",
    startSeq: 1,
    context: {},
    createdAt: NOW,
  };
  const start = {
    type: "start",
    node: name,
    input: 1,
    fingerprint: flow.fingerprint,
    version: 1,
    startSeq: 1,
    inputHash: "h",
    context: {},
  } as const;
  return applyChanges(newCheckpoint(run, NOW), [start], { ...ENV, now: NOW }).checkpoint;
}
