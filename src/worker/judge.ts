import type { ItemChange } from "../core/checkpoint/change.ts";
import type { Item } from "../core/checkpoint/checkpoint.ts";
import type { Routed } from "../core/checkpoint/routed.ts";
import type { Clock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import { askedDelayMs, toFailure } from "../core/failure.ts";
import { toJson } from "../core/json.ts";
import type { ResolvedRetryPolicy } from "../core/retry-policy.ts";
import { retryAfterMs } from "../core/retry-policy.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { policyOf, route, routeError } from "../workflows/index.ts";
import type { Answer } from "./run-node.ts";

/** Waits up to this long are left to the message in hand: a scheduled one may fire a quarter of a second late. */
export const SHORT_WAIT_MS = 1_000;

/** The execution that is judged. */
export interface Case {
  readonly workflow: AnyWorkflow;
  readonly id: number;
  readonly item: Item;
  readonly carrier: number;
  /** Version of the context that the node saw. */
  readonly contextVersion: number;
  /** Deliveries of the message so far. */
  readonly deliveries: number;
  /** Policy for nodes that have none, nor their workflow. */
  readonly fallbackPolicy: ResolvedRetryPolicy | null;
  readonly clock: Clock;
}

/** What an answer of a node does to its item. A failure is judged by the retry policy, then by the `onError` edges. */
export function judge(subject: Case, answer: Exclude<Answer, { type: "aborted" }>): ItemChange {
  if (answer.type === "failed") return judgeFailure(subject, answer.thrown, answer.ms);
  const { transition, delta, ms } = answer;
  const { workflow, id, item, carrier, clock } = subject;
  const common = { item: id, turn: item.turn, carrier, ms } as const;
  try {
    switch (transition.type) {
      case "abort":
        return judgeFailure(subject, transition.error, ms);
      case "hold": {
        if (transition.wait === null) {
          return {
            ...common,
            type: "complete",
            delta,
            routed: NOTHING,
            seen: subject.contextVersion,
          };
        }
        const { timeoutMs } = transition.wait;
        return {
          ...common,
          type: "hold",
          delta,
          for: transition.wait.for,
          untilMs: timeoutMs === null ? null : clock.now() + timeoutMs,
        };
      }
      default: {
        const routed = route(workflow, item.node, asJson(transition, item.node));
        return { ...common, type: "complete", delta, routed };
      }
    }
  } catch (thrown) {
    return judgeFailure(subject, thrown, ms);
  }
}

/** What a failed attempt does to its item. */
export function judgeFailure(subject: Case, thrown: unknown, ms: number): ItemChange {
  const { workflow, id, item, clock, fallbackPolicy } = subject;
  const now = clock.now();
  const failure = toFailure(thrown, { node: item.node, item: id, attempt: item.attempt, now });
  // What is stored may name a node that the workflow does not have: that fails the item, and is no fault of the worker.
  if (!Object.hasOwn(workflow.nodes, item.node)) return giveUp(subject, failure, ms);
  const policy = policyOf(workflow, item.node).retry ?? fallbackPolicy;
  const after = retryAfterMs(policy, failure, item.attempt, askedDelayMs(thrown), clock.random());
  return after === null ? giveUp(subject, failure, ms) : retryIn(subject, failure, ms, now, after);
}

/** The item fails for good: its fallback takes over, else the run fails. */
export function giveUp(subject: Case, failure: Failure, ms: number): ItemChange {
  const { workflow, id, item, carrier } = subject;
  const common = { item: id, turn: item.turn, carrier, ms, failure } as const;
  const isKnown = Object.hasOwn(workflow.nodes, item.node);
  const routed = isKnown ? routeError(workflow, item.node, item.input) : null;
  if (routed === null) return { ...common, type: "fail" };
  return {
    ...common,
    type: "fallback",
    routed: item.kept === undefined ? routed : sameInput(routed),
  };
}

/** What follows, with the input that is kept outside the checkpoint handed on as it is there. */
const sameInput = (routed: Routed): Routed => ({
  ...routed,
  successors: routed.successors.map((successor) =>
    successor.type === "item" ? { ...successor, input: null, same: true } : successor,
  ),
});

function retryIn(
  subject: Case,
  failure: Failure,
  ms: number,
  now: number,
  after: number,
): ItemChange {
  const { id, item, carrier, deliveries } = subject;
  return {
    type: "retry",
    item: id,
    turn: item.turn,
    carrier,
    ms,
    failure,
    notBeforeMs: now + after,
    // A short wait is spent in the message in hand, a long one in a scheduled message, which counts anew.
    deliveries: after <= SHORT_WAIT_MS ? deliveries : 0,
  };
}

/** What a hold that lets the item end leads to. */
const NOTHING: Routed = { forks: false, successors: [], emptyJoins: [] };

type Emitting = Parameters<typeof route>[2];

function asJson(
  transition:
    | { readonly type: "next"; readonly value: unknown }
    | { readonly type: "nextAll"; readonly values: readonly unknown[] },
  node: string,
): Emitting {
  const what = `the output of node "${node}"`;
  if (transition.type === "next") return { type: "next", value: toJson(transition.value, what) };
  return { type: "nextAll", values: transition.values.map((value) => toJson(value, what)) };
}

/** The failure of an execution that was never heard of again. */
export function lostFailure(id: number, item: Item, now: number, times: number): Failure {
  const error = new FloxideError(
    "backend",
    `node "${item.node}" was executed ${times} times without an end: its worker died or lost touch each time`,
  );
  return {
    ...toFailure(error, { node: item.node, item: id, attempt: item.attempt, now }),
    kind: "lost",
    stack: null,
  };
}
