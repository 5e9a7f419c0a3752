import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { newId } from "../core/new-id.ts";

/** How an orchestrator behaves. Everything has a default. */
export interface OrchestratorOptions {
  /** Names this orchestrator in histories and logs. @default a unique one */
  readonly orchestratorId?: string;
  /**
   * Milliseconds after its last heartbeat at which a worker is no longer `alive`; at three times that it is `dead`. It is one
   * and a half times what the heartbeat says of the next one, where that is more.
   * @default 15000
   */
  readonly aliveMs?: number;
  /**
   * Milliseconds that `pause` and `cancel` wait for every living worker to say that it has heard. A worker that does
   * not answer in time may start one more node after a pause, and queue work that nobody executes after a cancel. More
   * is surer, and waits longer for a worker that died a moment ago.
   * @default 1000
   */
  readonly answerMs?: number;
}

export interface ResolvedOrchestratorOptions {
  readonly orchestratorId: string;
  readonly aliveMs: number;
  readonly answerMs: number;
}

const OptionsSchema = z.object({
  orchestratorId: z.string().min(1).max(128).optional(),
  aliveMs: z.number().int().min(1).default(15_000),
  answerMs: z.number().int().min(0).default(1_000),
});

/** @throws FloxideError `definition`, naming each option that does not fit */
export function resolveOrchestratorOptions(
  options: OrchestratorOptions,
): ResolvedOrchestratorOptions {
  const parsed = OptionsSchema.safeParse(options);
  if (!parsed.success) {
    const said = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new FloxideError(
      "definition",
      `the orchestrator's options do not fit: ${said.join("; ")}`,
    );
  }
  const { orchestratorId, ...rest } = parsed.data;
  return { ...rest, orchestratorId: orchestratorId ?? `orchestrator-${newId().slice(-12)}` };
}
