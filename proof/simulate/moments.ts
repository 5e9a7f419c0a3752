import { type Checkpoint, isTerminal } from "../../src/core/checkpoint/checkpoint.ts";
import type { Publish } from "./nats/server.ts";

/** When a fault or a command may be aimed at something. */
export type Moment =
  /** A change of a run's entry is on its way. */
  | "write"
  /** One is stored. */
  | "commit"
  /** One is stored that leaves an item waiting for a signal or a time. */
  | "hold"
  /** One is stored that ends the run. */
  | "end"
  /** One is stored with several new items. */
  | "fork"
  /** The message of an item is on its way to the queue. */
  | "queue"
  /** That of a timer is. */
  | "timer"
  /** A message of the queue is on its way to a worker. */
  | "delivery"
  /** An acknowledgement is on its way. */
  | "ack"
  /** A command to the workers is on its way. */
  | "command"
  /** A worker's answer to one is. */
  | "answer";

export const MOMENTS: readonly Moment[] = [
  "write",
  "commit",
  "hold",
  "end",
  "fork",
  "queue",
  "timer",
  "delivery",
  "ack",
  "command",
  "answer",
];

/** The moment that something which is sent makes, and the run where the subject tells. Null: none that matters. */
export function momentOf({ subject, body }: Publish): { moment: Moment; runId: string } | null {
  if (subject.startsWith("$JS.ACK.sim-work.")) {
    return body === "" || body.startsWith("+ACK") ? { moment: "ack", runId: "" } : null;
  }
  if (body.startsWith('{"workerId":') && subject.startsWith("_")) {
    return { moment: "answer", runId: "" };
  }
  const [space, kind, workflow = "", run = ""] = subject.split(".");
  if (space === "$KV") return kind === "sim-context" ? { moment: "write", runId: workflow } : null;
  if (space !== "sim") return null;
  if (kind === "work") return { moment: "queue", runId: run };
  if (kind === "sched") return { moment: "timer", runId: run };
  return kind === "control" ? { moment: "command", runId: workflow } : null;
}

/** The moments that a write of a run's entry makes when it is stored. */
export function momentsOf(before: Checkpoint | null, after: Checkpoint): Moment[] {
  const moments: Moment[] = ["commit"];
  if (heldIn(before, after) !== null) moments.push("hold");
  if (isTerminal(after.status) && !(before !== null && isTerminal(before.status))) {
    moments.push("end");
  }
  const first = before?.nextItem ?? 1;
  if (after.nextItem - first > 1) moments.push("fork");
  return moments;
}

/** What an item waits for since the write; null where none does, or for its time only. */
export function heldIn(before: Checkpoint | null, after: Checkpoint): string | null {
  for (const [key, { hold, turn }] of Object.entries(after.items)) {
    if (hold === undefined) continue;
    const known = before?.items[key];
    if (known?.hold === undefined || known.turn !== turn) return hold.for;
  }
  return null;
}
