import { v7 as uuid } from "uuid";
import { z } from "zod";
import { FloxideError } from "../core/errors.ts";

/** How an orchestrator behaves. Everything has a default. */
export interface OrchestratorOptions {
  /** Names this orchestrator in histories and logs. @default a unique one */
  readonly orchestratorId?: string;
  /**
   * Milliseconds after its last heartbeat at which a worker is no longer `alive`; at three times that it is `dead`.
   * @default 15000
   */
  readonly aliveMs?: number;
  /**
   * Milliseconds that `pause` waits for every living worker to say that it has heard. A worker that does not answer
   * in time may start one more node, which then commits as one that was running.
   * @default 1000
   */
  readonly pauseAnswerMs?: number;
}

export interface ResolvedOrchestratorOptions {
  readonly orchestratorId: string;
  readonly aliveMs: number;
  readonly pauseAnswerMs: number;
}

const OptionsSchema = z.object({
  orchestratorId: z.string().min(1).max(128).optional(),
  aliveMs: z.number().int().min(1).default(15_000),
  pauseAnswerMs: z.number().int().min(0).default(1_000),
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
  return { ...rest, orchestratorId: orchestratorId ?? `orchestrator-${uuid().slice(-12)}` };
}
