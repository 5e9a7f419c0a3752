import { TEXTS } from "../11-word-count.ts";
import { chunksOf, countByLoop, textsIn } from "./count-by-loop.ts";

// All runs of the demo, each with what it must come to. Nothing here calls the workflows: what is expected follows from how
// the input was made, or is computed in another way.

/** The three ways to start a run. */
export const WAYS = ["publish", "api", "embedded"] as const;
export type Way = (typeof WAYS)[number];

/** What a run must come to, exactly. */
export interface Expected {
  readonly output: unknown;
  /** Work items that came to be, that completed, and that failed for good. */
  readonly items: number;
  readonly completed: number;
  readonly failed: number;
  readonly retries: number;
  /** Values of a counter in the context: each addition must have counted once. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface PlannedRun {
  readonly runId: string;
  readonly way: Way;
  readonly workflow: string;
  readonly input: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  /** Payload of the signal that it waits for, or null. */
  readonly approval: { readonly by: string; readonly ok: boolean } | null;
  readonly expected: Expected;
}

type Draft = Pick<PlannedRun, "input"> &
  Partial<Pick<PlannedRun, "context" | "approval">> & { readonly expected: Partial<Expected> };

/** Runs of each workflow for each way to start them. */
const MAKERS: Readonly<Record<string, readonly [count: number, make: (i: number) => Draft]>> = {
  text: [22, textRun],
  quote: [12, quoteRun],
  sentence: [10, sentenceRun],
  expense: [6, expenseRun],
  order: [16, orderRun],
  "word-count": [2, wordCountRun],
};

/** The whole plan, ways and workflows mixed. */
export function makePlan(): readonly PlannedRun[] {
  const runs: (PlannedRun & { readonly place: number })[] = [];
  for (const [workflow, [count, make]] of Object.entries(MAKERS)) {
    for (const way of WAYS) {
      for (let i = 0; i < count; i++) {
        const { input, context = {}, approval = null, expected } = make(i);
        const runId = `${workflow}-${way}-${i + 1}`;
        runs.push({
          runId,
          way,
          workflow,
          input,
          context,
          approval,
          expected: whole(expected),
          place: i / count,
        });
      }
    }
  }
  return runs.sort((a, b) => a.place - b.place);
}

function whole(expected: Partial<Expected>): Expected {
  const { completed = 0, failed = 0 } = expected;
  return {
    output: null,
    completed,
    failed,
    items: completed + failed,
    retries: 0,
    counters: {},
    ...expected,
  };
}

function textRun(i: number): Draft {
  const words = ["run", `number${i}`, ...Array.from({ length: i % 5 }, () => "again")];
  const text = words.join(" ");
  const output = { text, words: words.length, characters: text.length };
  return { input: `  ${words.join(" \n  ")} `, expected: { output, completed: 2 } };
}

function quoteRun(i: number): Draft {
  const quantity = i + 1;
  // The market knows tea; cocoa is only in the list.
  if (i % 3 > 0) {
    const output = { cents: 310 * quantity, source: "market" };
    return { input: { item: "tea", quantity }, expected: { output, completed: 2 } };
  }
  const output = { cents: 280 * quantity, source: "list" };
  return { input: { item: "cocoa", quantity }, expected: { output, completed: 2, failed: 1 } };
}

function sentenceRun(i: number): Draft {
  const length = 3 * i;
  // "banana" has three vowels, "sky" none.
  const input = Array.from({ length }, (_, n) => (n % 2 === 0 ? "banana" : "sky")).join(", ");
  const vowels = 3 * Math.ceil(length / 2);
  const output = { words: length, vowels, longest: length === 0 ? "" : "banana" };
  return { input, expected: { output, completed: length + 2 } };
}

function expenseRun(i: number): Draft {
  const input = { what: `expense ${i}`, cents: i === 0 ? 500 : 5_000 * i, patienceMs: 120_000 };
  if (i === 0) return { input, expected: { output: "paid (nobody had to ask)", completed: 2 } };
  const approval = { by: `boss ${i}`, ok: i % 2 === 0 };
  const output = `${approval.ok ? "paid" : "declined"} (boss ${i})`;
  return { input, approval, expected: { output, completed: 2 } };
}

function orderRun(i: number): Draft {
  const [id, quantity, cents] = [`N${i}`, i + 1, 250];
  const order = { id, item: "tea", quantity, cents, bank: { timeouts: i % 5, declined: false } };
  const context = { currency: "EUR" };
  const shipped = (by: string): string =>
    `order ${id}: ${(quantity * 2.5).toFixed(2)} EUR by ${by}, shipped`;
  if (i % 8 === 5) {
    const output = `order ${id} rejected`;
    return { input: { ...order, quantity: 0 }, context, expected: { output, completed: 1 } };
  }
  if (i % 8 === 6) {
    const input = { ...order, bank: { timeouts: 0, declined: true } };
    const output = shipped("invoice");
    return { input, context, expected: { output, completed: 3, failed: 1 } };
  }
  // Three attempts: with three timeouts or more the charge fails after two retries.
  const paid = order.bank.timeouts < 3;
  const output = shipped(paid ? "card" : "invoice");
  const retries = Math.min(order.bank.timeouts, 2);
  return {
    input: order,
    context,
    expected: { output, completed: 3, failed: paid ? 0 : 1, retries },
  };
}

function wordCountRun(i: number): Draft {
  const find = ["license", "software", "freedom"];
  const chunkBytes = 4_096 * (i + 1);
  const texts = textsIn(TEXTS);
  const all = texts.map(({ text }) => text).join("");
  const chunks = texts.reduce((sum, { text }) => sum + chunksOf(text, chunkBytes), 0);
  const output = {
    files: texts.map(({ file, text }) => ({ file, ...countByLoop(text, find) })),
    total: { file: "total", ...countByLoop(all, find) },
  };
  // The split of files, one split and one sum a file, the chunks, the report.
  const completed = 2 + 2 * texts.length + chunks;
  return {
    input: { folder: TEXTS, chunkBytes, find },
    expected: { output, completed, counters: { chunks } },
  };
}
