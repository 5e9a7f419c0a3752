import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { AnyNode, AnyWorkflow } from "../../src/index.ts";

// What really was executed, written down outside of the engine: a line when a node begins and one when it has answered, in
// a file for each worker. Lines are written at once, so what a worker began is known also when it was killed in the middle.

/** One line. */
export interface Entry {
  readonly type: "begin" | "end";
  /** Names one execution of one item that should happen once: its run, item, attempt, and what woke it. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The same workflow with every execution written down, and with a pause before each, as if it called somebody.
 *
 * @param paceMs - milliseconds of that pause
 */
export function observed(workflow: AnyWorkflow, file: string, paceMs: number): AnyWorkflow {
  const note = (type: Entry["type"], key: string): void => {
    appendFileSync(file, `${JSON.stringify({ type, key, at: Date.now() } satisfies Entry)}\n`);
  };
  const watched = (node: AnyNode): AnyNode => ({
    ...node,
    execute: async (context, input, name) => {
      const { run, item, attempt, wake, signal } = context;
      const key = [run.id, item, attempt, wake?.type ?? "first"].join(" ");
      note("begin", key);
      await wait(paceMs, undefined, { signal });
      try {
        return await node.execute(context, input, name);
      } finally {
        note("end", key);
      }
    },
  });
  const nodes = Object.entries(workflow.nodes).map(
    ([name, node]) => [name, watched(node)] as const,
  );
  return { ...workflow, nodes: Object.fromEntries(nodes) };
}

/** The lines of a worker's ledger; none where it has written nothing. */
export async function readLedger(file: string): Promise<readonly Entry[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  // The last line may be half written.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Entry]));
}

/** Keys of executions that began and have not answered. */
export function openKeys(entries: readonly Entry[]): ReadonlySet<string> {
  const open = new Set<string>();
  for (const { type, key } of entries) {
    if (type === "begin") open.add(key);
    else open.delete(key);
  }
  return open;
}

/** What a killed worker had in hand, and what became of it. */
export interface Aftermath {
  /** Executions that it had begun and not answered. */
  readonly inFlight: number;
  /** Executions of its that others did again: those in flight, and those that answered but were not committed. */
  readonly again: number;
  /** Of those in flight, the ones that nobody did again. Must be none. */
  readonly abandoned: readonly string[];
  /** Milliseconds from the kill until the last of them was done by others, or null where there was none. */
  readonly recoveryMs: number | null;
}

/** Compares the ledger of the worker that was killed with those of the others. */
export function aftermath(
  dead: readonly Entry[],
  others: readonly (readonly Entry[])[],
  killedAt: number,
): Aftermath {
  const open = openKeys(dead);
  const begunByDead = new Set(dead.map(({ key }) => key));
  const doneByOthers = new Map<string, number>();
  for (const { type, key, at } of others.flat()) if (type === "end") doneByOthers.set(key, at);
  const again = [...begunByDead].filter((key) => doneByOthers.has(key));
  const times = again.map((key) => (doneByOthers.get(key) ?? killedAt) - killedAt);
  return {
    inFlight: open.size,
    again: again.length,
    abandoned: [...open].filter((key) => !doneByOthers.has(key)),
    recoveryMs: times.length === 0 ? null : Math.max(...times),
  };
}

/** Executions that were begun more than once, over all ledgers. */
export function repeated(ledgers: readonly (readonly Entry[])[]): number {
  const begun = ledgers.flat().filter(({ type }) => type === "begin");
  return begun.length - new Set(begun.map(({ key }) => key)).size;
}
