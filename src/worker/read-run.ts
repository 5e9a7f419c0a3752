import { isFloxideError } from "../core/errors.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { RunSession } from "../engine/session.ts";
import type { WorkerScope } from "./scope.ts";

/** Deliveries after which a revision that the store has never heard of is given up as lost. */
const GIVEN_UP_AFTER = 5;

/**
 * Reads the run that a message belongs to.
 *
 * Where JetStream has lost writes that it had acknowledged, the message waits for them some times: a server may come
 * back with more than it has now. Then it goes on with what is stored, because nothing else will ever be.
 * @throws FloxideError `backend` where the store is lost, `validation` where what is stored is no checkpoint
 */
export async function readRun(
  { log }: WorkerScope,
  { deliveries, subject }: Delivery,
  session: RunSession,
  read: () => Promise<Versioned | null>,
): Promise<Versioned | null> {
  try {
    return await read();
  } catch (error) {
    if (!areWritesLost(error) || deliveries < GIVEN_UP_AFTER) throw error;
    log.error(
      { err: error, runId: session.runId, subject, deliveries },
      "JetStream lost writes of the run: it goes on with what is stored",
    );
    return session.recall();
  }
}

/** True for the error of a store that knows less than it has acknowledged. */
const areWritesLost = (error: unknown): boolean =>
  isFloxideError(error, "backend") && typeof error.details["atLeast"] === "number";
