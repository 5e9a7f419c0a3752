import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { type DistributedOrchestrator, isFloxideError, type RunInfo } from "../../src/index.ts";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import type { PlannedRun } from "./runs.ts";

/** What became of one run, as its customer saw it. Times are milliseconds since the epoch. */
export interface Served {
  readonly plan: PlannedRun;
  /** When its start was acknowledged; null where nobody ever acknowledged it. */
  acceptedAt: number | null;
  /** What the customer was told of its end; null where nothing. */
  told: RunInfo | null;
  /** Revision of its checkpoint right after `cancel` had returned; null where it was not cancelled. */
  fence: number | null;
  /** Between the return of `pause` and the call of `resume`; null where it was not paused. */
  paused: readonly [number, number] | null;
  /** Refusals that no fault explains. */
  readonly complaints: string[];
}

export interface CustomersOptions {
  /** Embedded client, through wires. */
  readonly client: DistributedOrchestrator;
  /** Connection without a client of floxide, through wires. */
  readonly plain: NatsConnection;
  /** Looks at what is stored, past the wires. */
  readonly direct: JetStreamBackend;
  /** Milliseconds that a customer keeps trying to start or command a run. It waits for the end as long as it takes. */
  readonly patienceMs: number;
}

/** Thrown where an API call was refused. */
class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** They start runs, do something to some of them, and wait for the end of all. Like any caller they ask again. */
export class Customers {
  readonly #options: CustomersOptions;
  readonly #served: Served[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #lateCommands = 0;

  constructor(options: CustomersOptions) {
    this.#options = options;
    // Every wait listens to it.
    setMaxListeners(0, this.#over.signal);
  }

  get served(): readonly Served[] {
    return this.#served;
  }

  /** Commands that took effect when their caller had long given up on them. */
  get lateCommands(): number {
    return this.#lateCommands;
  }

  /** Runs that were begun and whose end nobody was told of. */
  get open(): number {
    return this.#open.size;
  }

  /** Starts a run and sees it through. */
  begin(plan: PlannedRun): void {
    const served: Served = {
      plan,
      acceptedAt: null,
      told: null,
      fence: null,
      paused: null,
      complaints: [],
    };
    this.#served.push(served);
    const work = this.#serve(served)
      .catch((error: unknown) => {
        if (!this.#over.signal.aborted) served.complaints.push(String(error));
      })
      .finally(() => this.#open.delete(work));
    this.#open.add(work);
  }

  /** Waits until all have been told, but no longer than that many milliseconds; then they give up. */
  async finish(withinMs: number): Promise<void> {
    const late = pause(withinMs, undefined, { signal: this.#over.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#open), late]);
    this.#over.abort();
    await Promise.all(this.#open);
  }

  async #serve(served: Served): Promise<void> {
    const { plan } = served;
    await this.#persist("start", () => this.#start(plan));
    served.acceptedAt = Date.now();
    await Promise.all([this.#steer(served), this.#wait(served)]);
  }

  async #steer(served: Served): Promise<void> {
    const { plan } = served;
    await pause(plan.afterMs);
    if (plan.deed === "cancel") await this.#cancel(served);
    if (plan.deed === "pause") await this.#pause(served);
    if (plan.signal === null || served.fence !== null) return;
    const { runId, signal } = plan;
    await this.#command("signal", () => this.#signal(plan, runId, signal));
  }

  async #cancel(served: Served): Promise<void> {
    const { runId } = served.plan;
    const isDone = await this.#command("cancel", () => this.#call(served.plan, "cancel"));
    if (!isDone) return;
    await this.#persist("look at the cancelled run", async () => {
      const view = await this.#options.direct.contexts.get(runId);
      // Any replica answers, and one may not have heard of it yet.
      if (view?.checkpoint.status !== "cancelled")
        throw new Refused("not_found", "it is not there");
      served.fence = view.revision;
    });
  }

  async #pause(served: Served): Promise<void> {
    const { plan } = served;
    if (!(await this.#command("pause", () => this.#call(plan, "pause")))) return;
    const from = Date.now();
    await pause(plan.afterMs);
    served.paused = [from, Date.now()];
    await this.#command("resume", () => this.#call(plan, "resume"));
  }

  async #wait(served: Served): Promise<void> {
    const { runId } = served.plan;
    const options = { timeoutMs: 15_000, signal: this.#over.signal };
    const { client } = this.#options;
    const attempt = async () => {
      try {
        served.told = await client.waitForCompletion(runId, options);
      } catch (error) {
        if (served.paused !== null) await this.#resumeAgain(served);
        throw error;
      }
    };
    await this.#persist("wait", attempt, Number.POSITIVE_INFINITY);
  }

  /** A `pause` whose caller had given up on an answer may take effect after the `resume` that followed. */
  async #resumeAgain({ plan }: Served): Promise<void> {
    if ((await this.#options.client.status(plan.runId)) !== "paused") return;
    await this.#command("resume", () => this.#call(plan, "resume"));
    this.#lateCommands += 1;
  }

  async #start({ runId, road, workflow, input }: PlannedRun): Promise<void> {
    const { client, plain, direct } = this.#options;
    if (road === "client") await client.startRun(workflow, input, { runId });
    else if (road === "api") await this.#request("start", { workflow, input, runId });
    else {
      const js = jetstream(plain, { timeout: 3_000 });
      const body = JSON.stringify({ input, runId });
      await js.publish(direct.names.start(workflow), body, { msgID: runId, retries: 0 });
    }
  }

  #signal({ road }: PlannedRun, runId: string, payload: number): Promise<unknown> {
    const signalId = `go-${runId}`;
    if (road === "client") return this.#options.client.signal(runId, "go", payload, { signalId });
    return this.#request("signal", { runId, name: "go", payload, signalId });
  }

  #call({ road, runId }: PlannedRun, verb: "cancel" | "pause" | "resume"): Promise<unknown> {
    if (road === "client") return this.#options.client[verb](runId);
    return this.#request(verb, { runId });
  }

  async #request(verb: string, body: object): Promise<unknown> {
    const { plain, direct } = this.#options;
    const answer = await plain.request(direct.names.api(verb), JSON.stringify(body), {
      timeout: 3_000,
    });
    const read = answer.json<{ error?: { code: string; message: string } }>();
    if (read.error !== undefined) throw new Refused(read.error.code, read.error.message);
    return read;
  }

  /** @returns false where the run's status did not allow it (any more) */
  async #command(what: string, attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await this.#persist(what, attempt);
      return true;
    } catch (error) {
      if (codeOf(error) === "illegal_state") return false;
      throw error;
    }
  }

  async #persist(
    what: string,
    attempt: () => Promise<unknown>,
    patienceMs = this.#options.patienceMs,
  ): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (!isWorthAnotherTry(error)) throw error;
        if (performance.now() > deadline || this.#over.signal.aborted) {
          throw new Error(`gave up to ${what}: ${error}`, { cause: error });
        }
      }
      await pause(200);
    }
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Refused ? error.code : isFloxideError(error) ? error.code : "nats";

/** Out of reach, or a run that nobody knows yet. Errors of the plain NATS client are all of the first kind. */
function isWorthAnotherTry(error: unknown): boolean {
  return ["backend", "timeout", "not_found", "cancelled", "nats"].includes(codeOf(error));
}
