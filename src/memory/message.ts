import type { QueueKind } from "../core/ports/work-queue.ts";

/** What is known of a message before the stream has accepted it. */
export interface NewMessage {
  readonly kind: QueueKind;
  readonly workflow: string;
  readonly subject: string;
  readonly messageId: string | null;
  readonly infoWritten: boolean;
  readonly body: string;
  /** Run, item and turn that a work message is of; null for a start request. */
  readonly of: { readonly runId: string; readonly item: number; readonly turn: number } | null;
}

/**
 * A message in the stream.
 *
 * `scheduled` (waits for its time) → `ready` (anybody may take it) → `taken` → `gone` (acknowledged or dropped);
 * back from `taken` to `ready` when its acknowledgement wait is over or it was given back, by way of `delayed`
 * where it was given back for later.
 */
export interface Message extends NewMessage {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  state: "scheduled" | "ready" | "taken" | "delayed" | "gone";
  deliveries: number;
  /** When it goes to somebody else; milliseconds since the epoch. */
  deadline: number;
}
