import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { WorkflowRegistry } from "../workflows/index.ts";
import type { ResolvedOrchestratorOptions } from "./options.ts";

/** What the parts of one orchestrator share. */
export interface OrchestratorScope {
  readonly backend: Backend;
  readonly registry: WorkflowRegistry;
  readonly options: ResolvedOrchestratorOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What changing a run takes of it. */
export type WriteScope = Pick<OrchestratorScope, "backend" | "options" | "clock">;
