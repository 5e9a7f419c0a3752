import type { Item } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { MAX_DEPTH } from "../core/json.ts";
import type { Logger } from "../core/logger.ts";
import { plainCopy } from "../core/plain-json.ts";
import type { AnyContext, AnyWorkflow, Transition } from "../workflows/index.ts";
import { openContext, policyOf } from "../workflows/index.ts";
import type { AbortLater } from "./abort-later.ts";
import { BLOCKED_MS } from "./heartbeat.ts";

/** One execution of one node: what it answered, or what it threw. */
export type Answer =
  | {
      readonly type: "answered";
      readonly transition: Transition<unknown>;
      /** What it added to the context, by field; null where nothing. */
      readonly delta: Record<string, Json> | null;
      readonly ms: number;
    }
  | { readonly type: "failed"; readonly thrown: unknown; readonly ms: number }
  /** Aborted from outside: the run was cancelled, or the worker stops. */
  | { readonly type: "aborted"; readonly reason: unknown };

export interface Execution {
  readonly workflow: AnyWorkflow;
  readonly runId: string;
  readonly id: number;
  readonly item: Item;
  readonly context: Record<string, Json>;
  /** Aborted when the run is cancelled or the worker stops. */
  readonly abort: AbortLater;
  readonly clock: Clock;
  readonly log: Logger;
  newId(): string;
}

/**
 * Executes a node once. Never throws: whatever happens is an answer.
 *
 * A node that does not heed its signal is not waited for: its answer, when it comes, is nobody's.
 */
export async function runNode(execution: Execution): Promise<Answer> {
  const { workflow, item, abort, clock } = execution;
  const node = Object.hasOwn(workflow.nodes, item.node) ? workflow.nodes[item.node] : undefined;
  const began = clock.elapsed();
  const elapsed = (): number => clock.elapsed() - began;
  if (node === undefined) {
    const error = new FloxideError(
      "definition",
      `workflow "${workflow.name}" has no node "${item.node}"`,
    );
    return { type: "failed", thrown: error, ms: 0 };
  }
  if (abort.aborted) return abortedAnswer(abort.reason, 0);
  const { timeoutMs } = policyOf(workflow, item.node);
  const stopTimer = timeoutMs === null ? null : startTimer(execution, timeoutMs);
  try {
    const opened = openContext(workflow.context, execution.context, {
      now: clock.now(),
      newId: execution.newId,
    });
    const context = contextOf(execution, opened.handles, timeoutMs);
    const running = node.execute(context, copyOf(item.input), item.node);
    if (elapsed() >= BLOCKED_MS) warnOfBlock(execution, elapsed());
    const transition = running instanceof Promise ? await abort.race(running) : running;
    if (abort.aborted) return abortedAnswer(abort.reason, elapsed());
    return { type: "answered", transition, delta: opened.takeDelta(), ms: elapsed() };
  } catch (thrown) {
    if (abort.aborted) return abortedAnswer(abort.reason, elapsed());
    return { type: "failed", thrown, ms: elapsed() };
  } finally {
    stopTimer?.();
  }
}

/** A timeout is a failed attempt; any other abort comes from outside and says nothing about the node. */
function abortedAnswer(reason: unknown, ms: number): Answer {
  const timedOut = reason instanceof FloxideError && reason.code === "timeout";
  return timedOut ? { type: "failed", thrown: reason, ms } : { type: "aborted", reason };
}

function warnOfBlock({ log, runId, id, item }: Execution, ms: number): void {
  const { node, attempt } = item;
  const blockedMs = Math.round(ms);
  log.warn(
    { runId, node, item: id, attempt, blockedMs },
    `node "${node}" blocked the event loop for ${blockedMs} ms: let it await, or give it a process of its own`,
  );
}

function startTimer({ abort, clock, item }: Execution, timeoutMs: number): () => void {
  const { node } = item;
  return clock.after(timeoutMs, () => {
    abort.abort(
      new FloxideError("timeout", `node "${node}" ran longer than ${timeoutMs} ms`, {
        details: { node, timeoutMs },
      }),
    );
  });
}

function contextOf(
  execution: Execution,
  handles: Record<string, unknown>,
  timeoutMs: number | null,
): AnyContext {
  const { workflow, runId, id, item, abort, clock, log } = execution;
  return {
    ...handles,
    run: { id: runId, workflow: workflow.name, version: workflow.version },
    node: item.node,
    item: id,
    attempt: item.attempt,
    get signal() {
      return abort.signal;
    },
    deadline: timeoutMs === null ? null : clock.now() + timeoutMs,
    get log() {
      return nodeLogger(log, { runId, node: item.node, item: id, attempt: item.attempt });
    },
    wake: item.wake ?? null,
  };
}

/**
 * Node code may do to its input what it likes: the checkpoint keeps its own. The list that a join gets is a level deeper than
 * what nodes may give.
 */
const copyOf = (input: Json): Json =>
  plainCopy(input, MAX_DEPTH + 1) ?? (JSON.parse(JSON.stringify(input)) as Json);

function nodeLogger(log: Logger, ids: object): AnyContext["log"] {
  const write =
    (level: keyof Logger) =>
    (first: object | string, message?: string): void => {
      if (typeof first === "string") log[level](ids, first);
      else log[level]({ ...first, ...ids }, message ?? "");
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
