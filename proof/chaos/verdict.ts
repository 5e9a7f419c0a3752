import { isDeepStrictEqual } from "node:util";
import { type Account, exactly } from "../../test/support/account.ts";
import type { PlannedRun } from "./runs.ts";

/** One run at the end of all: what it must be, and what everybody says it is. */
export interface FinishedRun {
  readonly plan: PlannedRun;
  readonly accepted: boolean;
  /** True where the customer was told that it has ended. */
  readonly told: boolean;
  /** Null where nobody knows the run. */
  readonly account: Account | null;
  /** Revision of its checkpoint when `cancel` had returned, and at the end; null where it was not cancelled. */
  readonly fence: { readonly before: number; readonly after: number } | null;
  readonly complaints: readonly string[];
}

/** What is left when all runs have ended. */
export interface Leftovers {
  /** Messages in the work stream, and how its consumers stand to them. */
  readonly queued: readonly string[];
  readonly deadLetters: readonly string[];
  /** Processes that ended although nobody had told them to. */
  readonly crashed: readonly string[];
  /** Executions that journals know of, and items that histories call completed. */
  readonly executions: number;
  readonly commits: number;
}

/** One thing that must not be. */
export interface Violation {
  readonly what:
    | "not accepted"
    | "lost run"
    | "not told"
    | "not exact"
    | "fence broken"
    | "complaint"
    | "left in the queue"
    | "dead letter"
    | "crashed"
    | "fewer executions than commits";
  /** Run, process or stream. */
  readonly where: string;
  readonly detail: unknown;
}

/** Everything that is not as it must be. Empty is good. */
export function judge(runs: readonly FinishedRun[], left: Leftovers): Violation[] {
  const violations = runs.flatMap(judgeRun);
  const add = (what: Violation["what"], where: string, detail: unknown) =>
    violations.push({ what, where, detail });
  if (left.queued.length > 0) add("left in the queue", "work stream", left.queued);
  for (const letter of left.deadLetters) add("dead letter", "dead letters", letter);
  for (const process of left.crashed) add("crashed", process, null);
  if (left.executions < left.commits) {
    const { executions, commits } = left;
    add("fewer executions than commits", "journals", { executions, commits });
  }
  return violations;
}

function judgeRun(run: FinishedRun): Violation[] {
  const { plan, account, fence, complaints } = run;
  const where = plan.runId;
  const found: Violation[] = complaints.map((detail) => ({ what: "complaint", where, detail }));
  if (!run.accepted) return [...found, { what: "not accepted", where, detail: plan.road }];
  if (!run.told) found.push({ what: "not told", where, detail: account?.status ?? null });
  if (account === null || account.status === "running" || account.status === "paused") {
    return [...found, { what: "lost run", where, detail: account }];
  }
  if (fence === null) return [...found, ...judgeExact(plan, account)];
  if (fence.after !== fence.before) found.push({ what: "fence broken", where, detail: fence });
  return [...found, ...judgeCancelled(plan, account)];
}

function judgeExact(plan: PlannedRun, account: Account): Violation[] {
  const must = exactly(plan);
  if (isDeepStrictEqual(account, must)) return [];
  return [
    { what: "not exact", where: plan.runId, detail: { workflow: plan.workflow, account, must } },
  ];
}

/** A cancelled run stands wherever it was; what it had committed until then counts once. */
function judgeCancelled(plan: PlannedRun, account: Account): Violation[] {
  const must = {
    status: "cancelled",
    gaps: [],
    twice: [],
    ended: 1,
    unexecuted: [],
    // Each completed item counts one step.
    steps: account.completed,
    completed: account.completedItems,
  };
  const is = {
    status: account.status,
    gaps: account.gaps,
    twice: account.twice,
    ended: account.ended,
    unexecuted: account.unexecuted,
    steps: account.steps ?? 0,
    completed: account.completed,
  };
  if (isDeepStrictEqual(is, must)) return [];
  return [{ what: "not exact", where: plan.runId, detail: { workflow: plan.workflow, is, must } }];
}
