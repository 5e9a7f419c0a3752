import type { Names } from "../names.ts";

/** What a NATS user may do, in the words of nats-server's configuration. All else is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer each request that it gets, so often and so long after; null: only where `publish` says so. */
  readonly answers: { readonly max: number; readonly withinMinutes: number } | null;
}

/** Whom the permissions are for. */
export interface Grantee {
  readonly names: Names;
  /** Names of workflows, or `*` alone for all of them. */
  readonly workflows: readonly string[];
  /** Subject of its inboxes: see {@link inboxPrefixOf}. */
  readonly inbox: string;
}

/** A kind of user. */
export interface Role {
  /** One sentence, for the comment above the block. */
  readonly summary: string;
  /** True where the permissions can be those of some workflows only. */
  readonly byWorkflow: boolean;
  /** Through the orchestrator service alone. Null for who works on JetStream itself. */
  readonly throughApi: ((grantee: Grantee) => Permissions) | null;
  /** On JetStream itself, as the clients of this package do. */
  readonly direct: (grantee: Grantee) => Permissions;
}

/**
 * Inboxes of a user: nobody else may listen on them. The client has to be told: `inboxPrefix` of `connectionOptions`,
 * `--inbox-prefix` of the command line.
 */
export const inboxPrefixOf = (user: string): string => `_INBOX_${user}`;

/** Both, without repetitions. */
export function both(one: Permissions, other: Permissions): Permissions {
  return {
    publish: [...new Set([...one.publish, ...other.publish])],
    subscribe: [...new Set([...one.subscribe, ...other.subscribe])],
    answers: one.answers ?? other.answers,
  };
}
