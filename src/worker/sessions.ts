import { forgetJson } from "../core/json-texts.ts";
import { RunSession } from "../engine/session.ts";
import type { SessionEnvironment } from "../engine/session-environment.ts";

/** Runs that are remembered after their last message has gone, so that the next one needs no read. */
const IDLE_LIMIT = 500;

/** The runs that this worker has in its hands, and some that it had. */
export class Sessions {
  readonly #env: SessionEnvironment;
  readonly #sessions = new Map<string, RunSession>();

  constructor(env: SessionEnvironment) {
    this.#env = env;
  }

  /** The session of the run; {@link release} it. */
  acquire(runId: string): RunSession {
    const known = this.#sessions.get(runId);
    const session = known ?? new RunSession(runId, this.#env);
    // Re-inserted, so that the map's order is the order of use.
    if (known !== undefined) this.#sessions.delete(runId);
    this.#sessions.set(runId, session);
    session.users += 1;
    if (this.#sessions.size > IDLE_LIMIT) this.#evict();
    return session;
  }

  release(session: RunSession): void {
    session.users -= 1;
    // It may rest for long, or for ever.
    if (session.users === 0 && session.known !== null) forgetJson(session.known.checkpoint.context);
  }

  find(runId: string): RunSession | undefined {
    return this.#sessions.get(runId);
  }

  /** Forgets the run unless a message of it is in hand. */
  forget(runId: string): void {
    if (this.#sessions.get(runId)?.users === 0) this.#sessions.delete(runId);
  }

  /** Has every run looked at again before it goes on: the stores may have come back older than what is known here. */
  doubt(): void {
    for (const [runId, session] of this.#sessions) {
      if (session.users === 0) this.#sessions.delete(runId);
      else session.doubt();
    }
  }

  #evict(): void {
    for (const [runId, session] of this.#sessions) {
      if (this.#sessions.size <= IDLE_LIMIT) return;
      if (session.users === 0) this.#sessions.delete(runId);
    }
  }
}
