import { z } from "zod";
import { hold, next, node, sleep, workflow } from "#floxide";

// Workflows of the scenarios with many runs. Their nodes do nothing, or wait.

/** What this process has seen: read over the IPC channel. */
export const seen = {
  /** Nodes that have gone to sleep. */
  parked: 0,
  /** Nodes that have been woken. */
  woken: 0,
  /** How long after they were due nodes were executed that have been woken, in milliseconds. */
  lateMs: [] as number[],
};

const nothing = node({ input: z.number(), output: z.number(), run: (_context, n) => next(n) });

const throwing = node({
  input: z.number(),
  output: z.number(),
  run: () => {
    throw new Error("as asked for");
  },
});

const holding = node({
  input: z.number(),
  output: z.number(),
  run: () => hold({ for: "never" }),
});

const sleeping = node({
  input: z.object({ dueMs: z.number(), holds: z.boolean() }),
  output: z.number(),
  run: (context, { dueMs, holds }) => {
    const leftMs = dueMs - Date.now();
    if (context.wake !== null) {
      seen.woken += 1;
      seen.lateMs.push(-leftMs);
      return next(-leftMs);
    }
    seen.parked += 1;
    const timeoutMs = Math.max(0, leftMs);
    return holds ? hold({ for: "never", timeoutMs }) : sleep(timeoutMs);
  },
});

/** Ends at once. */
export const brief = oneNode("brief", nothing);
/** The same, under a name that only some runs have. */
export const rare = oneNode("rare", nothing);
/** The same, under a name that nobody works for. */
export const unserved = oneNode("unserved", nothing);
/** Fails at once. */
export const failing = oneNode("failing", throwing);
/** Waits for a signal that never comes. */
export const waiting = oneNode("waiting", holding);
/** Sleeps until a time, or waits until then for a signal that does not come. */
export const sleeper = workflow({
  name: "sleeper",
  version: 1,
  nodes: { only: sleeping },
  start: "only",
  edges: { only: [] },
});

/** Those that members may have, by name. */
export const flows = { brief, rare, failing, waiting, sleeper };

/** All that clients start. */
export const client = [...Object.values(flows), unserved];

/** The name of a workflow that a member may have. */
export type ScaleFlow = keyof typeof flows;

function oneNode(name: string, only: typeof nothing) {
  return workflow({ name, version: 1, nodes: { only }, start: "only", edges: { only: [] } });
}
