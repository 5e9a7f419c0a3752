import type { Clock } from "../core/clock.ts";
import type { ContextStore } from "../core/ports/stores.ts";
import type { Outside } from "./outside.ts";

/** What a session needs of its worker. */
export interface SessionEnvironment {
  readonly store: ContextStore;
  /** Where values are that are kept outside the checkpoint. */
  readonly outside: Outside;
  readonly clock: Clock;
  /** Who makes the changes, for the history. */
  readonly by: string;
  /** Bytes that a growing checkpoint leaves free: see `spareBytesOf`. */
  readonly spareBytes: number;
  /** A token that no write had before. */
  newCommit(): string;
}
