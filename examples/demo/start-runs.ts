import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { isFloxideError, type Orchestrator } from "../../src/index.ts";
import type { PlannedRun, Way } from "./plan.ts";

const LOOKS = 5;

/** What starts and steers runs from outside. */
export interface Outside {
  /** A bare connection: knows nothing of floxide. */
  readonly nats: NatsConnection;
  readonly orchestrator: Orchestrator;
}

const START: Readonly<Record<Way, (outside: Outside, run: PlannedRun) => Promise<void>>> = {
  publish: async ({ nats }, { workflow, runId, input, context }) => {
    const body = JSON.stringify({ input, context });
    await jetstream(nats).publish(`floxide.start.${workflow}`, body, { msgID: runId });
  },
  api: async ({ nats }, { workflow, runId, input, context }) => {
    const reply = await request<{ runId: string }>(nats, "start", {
      workflow,
      runId,
      input,
      context,
    });
    if (reply.runId !== runId) throw new Error(`asked for run ${runId}, got ${reply.runId}`);
  },
  embedded: async ({ orchestrator }, { workflow, runId, input, context }) => {
    await orchestrator.startRun(workflow, input, { runId, context });
  },
};

/** Starts a run in its way. Resolves once the run is accepted. */
export async function start(outside: Outside, run: PlannedRun): Promise<void> {
  await START[run.way](outside, run);
}

/** Sends the signal that a run waits for, by the API where it was started there. */
export async function approve({ nats, orchestrator }: Outside, run: PlannedRun): Promise<void> {
  const { runId, approval, way } = run;
  if (approval === null) return;
  if (way === "api") await request(nats, "signal", { runId, name: "approval", payload: approval });
  else await orchestrator.signal(runId, "approval", approval);
}

/**
 * Waits until the run can be asked about. A request that was published is known from the start, but in the moment in which a
 * worker takes it a busy orchestrator may look where it is no more: then it looks again.
 */
export async function known({ orchestrator }: Outside, runId: string): Promise<void> {
  for (let look = 1; ; look++) {
    try {
      await orchestrator.status(runId);
      return;
    } catch (error) {
      if (!isFloxideError(error, "not_found") || look === LOOKS) throw error;
    }
  }
}

async function request<T>(nats: NatsConnection, verb: string, body: object): Promise<T> {
  const answer = await nats.request(`floxide.api.${verb}`, JSON.stringify(body), {
    timeout: 10_000,
  });
  const reply = answer.json<T & { readonly error?: { readonly message: string } }>();
  if (reply.error) throw new Error(reply.error.message);
  return reply;
}
