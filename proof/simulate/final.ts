import { isDeepStrictEqual } from "node:util";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { FIGURE, outputOf } from "../../src/core/checkpoint/checkpoint.ts";
import type { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { AskedRun } from "./asked-run.ts";
import { Violation } from "./checks.ts";
import type { World } from "./world.ts";

// What must hold when all runs have ended: results are exact, each transition counts once, and everything that follows
// from the checkpoints (lists, figures, history) says the same as they do.

/** @returns what is wrong, or null; what only has to follow may take a moment */
export async function checkRuns(
  world: World,
  orchestrator: Orchestrator,
  asked: readonly AskedRun[],
): Promise<Violation | null> {
  const listed = await listAll(orchestrator);
  for (const run of asked) {
    const checkpoint = world.checkpointOf(run.runId);
    if (checkpoint === null) continue;
    checkResult(run, checkpoint);
    const wrong =
      (await checkProjections(world, orchestrator, checkpoint, listed)) ??
      (await checkErrors(world, orchestrator, run.runId));
    if (wrong !== null) return wrong;
  }
  return world.queued === 0
    ? null
    : new Violation("queue", `${world.queued} messages are left when all runs have ended`);
}

/** @throws Violation: a result does not change any more */
function checkResult({ runId, expected, cancels }: AskedRun, checkpoint: Checkpoint): void {
  const { status, counters, context } = checkpoint;
  if (status === "cancelled") {
    if (cancels === 0) throw new Violation("result", `${runId} was cancelled, and nobody asked`);
    return;
  }
  const failures = checkpoint.nodes;
  const runFailures = Object.entries(failures)
    .filter(([node]) => node.startsWith("breaks"))
    .reduce((total, [, figures]) => total + figures[FIGURE.failed], 0);
  const shown = {
    output: outputOf(checkpoint),
    items: counters.items,
    completed: counters.completed,
    failed: counters.failed - runFailures,
    retries: counters.retries,
    steps: context["steps"],
  };
  const { output, items, failed, retries } = expected;
  const completed = items - failed;
  const wanted = { output, items, completed, failed, retries, steps: completed };
  if (isDeepStrictEqual(shown, wanted)) return;
  throw new Violation(
    "result",
    `${runId}: ${JSON.stringify(shown)} instead of ${JSON.stringify(wanted)}`,
  );
}

/** Ids of the runs that are listed under each status. */
type Listed = ReadonlyMap<Checkpoint["status"], readonly string[]>;

async function listAll(orchestrator: Orchestrator): Promise<Listed> {
  const listed = new Map<Checkpoint["status"], readonly string[]>();
  for (const status of ["running", "paused", "completed", "failed", "cancelled"] as const) {
    const { items } = await orchestrator.listRuns({ status });
    listed.set(
      status,
      items.map(({ runId }) => runId),
    );
  }
  return listed;
}

async function checkProjections(
  world: World,
  orchestrator: Orchestrator,
  { runId, status, counters }: Checkpoint,
  listed: Listed,
): Promise<Violation | null> {
  for (const [as, ids] of listed) {
    const times = ids.filter((id) => id === runId).length;
    if (times !== (as === status ? 1 : 0)) {
      return new Violation("lists", `${runId} is ${status} and is listed ${times} times as ${as}`);
    }
  }
  const metrics = await orchestrator.metrics(runId);
  const figures = { ...counters };
  for (const [name, value] of Object.entries(figures)) {
    if (metrics[name] !== value)
      return new Violation("metrics", `${runId}: ${name} is ${metrics[name]}, not ${value}`);
  }
  return checkHistory(world, orchestrator, runId, counters);
}

/**
 * Each failed attempt is among the run's errors, where one worker lived all the time and nobody else wrote. One that is
 * killed after the commit cannot say it, and one whose write was overtaken before its answer came does not know of it.
 */
async function checkErrors(
  world: World,
  orchestrator: Orchestrator,
  runId: string,
): Promise<Violation | null> {
  if (!world.isUnderOneHand(runId)) return null;
  const { ledgers } = world;
  const told = await orchestrator.errors(runId, { limit: 1_000 });
  const place = (item: unknown, attempt: unknown): string => `${item} at attempt ${attempt}`;
  const errors = new Set(told.map(({ failure }) => place(failure.item, failure.attempt)));
  const failed = new Set<string>();
  for (const { kind, item, attempt } of ledgers.of(runId).events.values()) {
    if (kind === "attempt.failed" || kind === "item.failed") failed.add(place(item, attempt));
  }
  const missing = [...failed].filter((one) => !errors.has(one));
  if (missing.length === 0) return null;
  return new Violation("errors", `${runId}: no error tells of item ${missing.join(", ")}`);
}

async function checkHistory(
  world: World,
  orchestrator: Orchestrator,
  runId: string,
  counters: Checkpoint["counters"],
): Promise<Violation | null> {
  const { events } = world.ledgers.of(runId);
  const history = await orchestrator.history(runId, { limit: 1_000 });
  const numbers = history.map(({ number }) => number);
  const wanted = [...events.keys()].sort((a, b) => a - b).slice(0, 1_000);
  if (!isDeepStrictEqual(numbers, wanted)) {
    return new Violation(
      "history",
      `${runId}: events ${numbers.join(" ")} instead of 1 to ${wanted.length}`,
    );
  }
  const count = (kind: string): number => history.filter((event) => event.kind === kind).length;
  const told = { completed: count("item.completed"), lost: count("execution.lost") };
  const { completed, lost } = counters;
  if (events.size > 1_000 || isDeepStrictEqual(told, { completed, lost })) return null;
  return new Violation(
    "history",
    `${runId}: ${JSON.stringify(told)} instead of ${JSON.stringify({ completed, lost })}`,
  );
}
