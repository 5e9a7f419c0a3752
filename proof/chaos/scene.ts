import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import type { Chance } from "../support/chance.ts";
import type { Crew, Member } from "../support/crew.ts";
import type { Deployment, Mode } from "../support/deployment.ts";
import type { Line } from "../support/line.ts";

/** What a fault can strike. */
export interface Scene {
  readonly deployment: Deployment;
  readonly crew: Crew;
  /** The way of the customers to the servers. */
  readonly customers: Line;
  /** Past the wires. */
  readonly admin: { readonly nc: NatsConnection; readonly jsm: JetStreamManager };
  readonly direct: JetStreamBackend;
  readonly ackWaitMs: number;
  readonly chance: Chance;
}

/** A fault that strikes now. */
export interface Strike {
  /** Who is struck. */
  readonly target: string;
  /** Workers whose work it interrupts. */
  readonly hits: readonly string[] | "all";
  /** Milliseconds until it is healed. */
  readonly lastsMs: number;
  /** Looks at it while it lasts; what it gives is written down. */
  readonly look?: () => Promise<string>;
  /** Makes everything as it should be. */
  readonly heal: () => Promise<void>;
}

/** A kind of fault. */
export interface FaultKind {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** Faults of the same scope are never there at the same time. */
  readonly scope: "servers" | "members";
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** @returns null where there is nothing to strike now */
  readonly strike: (scene: Scene) => Promise<Strike | null>;
}

/** Somebody of that role who works, by chance; null where nobody does. */
export function anyone({ crew, chance }: Scene, role: "worker" | "service"): Member | null {
  const working = crew.working(role);
  return working.length === 0 ? null : chance.pick(working);
}
