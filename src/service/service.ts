import type { Clock } from "../core/clock.ts";
import { iso, systemClock, within } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import { newId } from "../core/new-id.ts";
import { whyNotJson } from "../core/not-json.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { WorkflowRegistry } from "../workflows/index.ts";
import { type Address, addressOf, withWorkflow } from "./address.ts";
import type { Verb, VerbScope } from "./define-verb.ts";
import type { ServiceIdentity } from "./discovery.ts";
import { DISCOVERY_KINDS, discoveryReply, discoverySubjects } from "./discovery.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import type { ApiReply } from "./error-reply.ts";
import { errorReply, reply, toApiError } from "./error-reply.ts";
import type { ResolvedServiceOptions, ServiceOptions } from "./options.ts";
import { resolveServiceOptions } from "./options.ts";
import { RepairLoop } from "./repair-loop.ts";
import type { ApiRequest, ApiSubscription, ApiTransport } from "./transport.ts";
import { describeVerbs, VERB_NAMES, verbNamed } from "./verbs.ts";

// Answers requests about runs. Invariants:
// 1. Every request is answered, once: with a value or with an error; nothing that a request holds ends the service.
// 2. Of several services each request goes to one. None keeps anything between two requests.
// 3. What is in work is bounded; above that a request is refused at once. Waits are bounded apart from work, so that
//    many who wait cannot keep a cancel out.

export interface ServiceParts {
  /** Stays the caller's: `stop` does not close it. */
  readonly orchestrator: Orchestrator;
  /** Workflows that the `workflows` verb describes: those that the orchestrator was given. */
  readonly workflows: readonly AnyWorkflow[];
  readonly transport: ApiTransport;
  readonly namespace: string;
  /** Subject of a verb, also of the wildcard `>` in its place. */
  readonly subjectOf: (verb: string) => string;
  /** Semantic version that discovery shows. */
  readonly version: string;
  readonly log?: Logger | undefined;
  readonly clock?: Clock | undefined;
}

type State = "new" | "started" | "stopped";

/** The group that shares requests: the default of NATS micro services. */
const GROUP = "q";

/** Serves the API of one namespace, and repairs its runs now and then. Any number of them share the load. */
export class Service {
  readonly identity: ServiceIdentity;
  readonly #parts: ServiceParts;
  readonly #options: ResolvedServiceOptions;
  readonly #scope: VerbScope;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #stats = new Map(VERB_NAMES.map((name) => [name as string, new EndpointStats()]));
  readonly #prefix: string;
  readonly #stopping = new AbortController();
  readonly #repairs: RepairLoop;
  readonly #inWork = new Set<Promise<void>>();
  readonly #subscriptions: ApiSubscription[] = [];
  #working = 0;
  #waiting = 0;
  #state: State = "new";
  #startedAt = "";
  #stopped: Promise<void> | null = null;

  /** @throws FloxideError `definition` for options that do not fit, `fingerprint` for workflows that clash */
  constructor(parts: ServiceParts, options: ServiceOptions = {}) {
    const { orchestrator, namespace, version, workflows } = parts;
    this.#parts = parts;
    this.#options = resolveServiceOptions(options);
    this.#log = parts.log ?? silentLogger;
    this.#clock = parts.clock ?? systemClock;
    this.#prefix = parts.subjectOf("");
    this.#scope = {
      orchestrator,
      registry: new WorkflowRegistry(workflows),
      stopping: this.#stopping.signal,
    };
    this.identity = {
      name: `${namespace}-api`,
      id: newId(),
      version,
      metadata: { namespace, orchestratorId: orchestrator.orchestratorId },
    };
    this.#repairs = new RepairLoop({
      repair: () => orchestrator.repair(),
      everyMs: this.#options.repairEveryMs,
      clock: this.#clock,
      log: this.#log,
    });
  }

  /** Begins to answer. Resolves when it listens. @throws FloxideError `backend`, `illegal_state` the second time */
  async start(): Promise<void> {
    if (this.#state !== "new") {
      throw new FloxideError("illegal_state", `the service is ${this.#state}: it starts once`);
    }
    this.#state = "started";
    this.#startedAt = iso(this.#clock.now());
    const { transport, subjectOf, namespace } = this.#parts;
    const listening = DISCOVERY_KINDS.flatMap((kind) =>
      discoverySubjects(kind, this.identity).map((subject) =>
        transport.listen(subject, null, (request) => this.#discover(kind, request)),
      ),
    );
    listening.push(transport.listen(subjectOf(">"), GROUP, (request) => this.#take(request)));
    const settled = await Promise.allSettled(listening);
    for (const one of settled) {
      if (one.status === "fulfilled") this.#subscriptions.push(one.value);
    }
    const refused = settled.find((one) => one.status === "rejected");
    if (refused !== undefined) {
      await this.stop();
      throw refused.reason;
    }
    if (this.#stopping.signal.aborted || this.#stopped !== null) {
      await this.#drain();
      throw new FloxideError("illegal_state", "the service was stopped while it started");
    }
    this.#repairs.start();
    const { name, id } = this.identity;
    this.#log.info({ namespace, service: name, id, subject: subjectOf(">") }, "service started");
  }

  /** Takes nothing new, tells those who wait to ask another, lets work in hand finish. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const wasStarted = this.#state === "started";
    this.#state = "stopped";
    const { graceMs } = this.#options;
    // A server that does not answer is not waited for.
    await within(this.#clock, graceMs, this.#drain());
    this.#stopping.abort();
    const ended = Promise.all([...this.#inWork, this.#repairs.stop()]);
    await within(this.#clock, graceMs, ended);
    if (this.#inWork.size > 0) {
      this.#log.warn({ requests: this.#inWork.size }, "grace is over: requests stay unanswered");
    }
    if (wasStarted)
      this.#log.info({ service: this.identity.name, id: this.identity.id }, "service stopped");
  }

  async #drain(): Promise<void> {
    const draining = this.#subscriptions.splice(0).map((one) => one.drain());
    for (const one of await Promise.allSettled(draining)) {
      if (one.status === "rejected")
        this.#log.debug({ err: one.reason }, "a subscription was not drained");
    }
  }

  #discover(kind: (typeof DISCOVERY_KINDS)[number], request: ApiRequest): void {
    const endpoints = describeVerbs().map((described) => ({
      described,
      subject: this.#parts.subjectOf(described.verb),
      group: GROUP,
      figures: (this.#stats.get(described.verb) ?? new EndpointStats()).figures(),
    }));
    request.respond(
      JSON.stringify(discoveryReply(kind, this.identity, this.#startedAt, endpoints)),
    );
  }

  #take(request: ApiRequest): void {
    const address = addressOf(request.subject.slice(this.#prefix.length));
    const { verb: name } = address;
    const began = this.#clock.elapsed();
    const work = this.#answer(address, request).then((answered) => {
      this.#stats.get(name)?.count(this.#clock.elapsed() - began, answered.error);
      request.respond(answered.body, answered.headers);
    });
    // A connection that is gone cannot be told anything; the caller's own time-out tells it.
    const settled = work
      .catch((error: unknown) =>
        this.#log.warn({ err: error, verb: name }, "an answer could not be sent"),
      )
      .finally(() => this.#inWork.delete(settled));
    this.#inWork.add(settled);
  }

  async #answer(address: Address, request: ApiRequest): Promise<ApiReply> {
    const { verb: name } = address;
    try {
      const verb = knownVerb(name);
      const leave = this.#enter(verb);
      try {
        const value = await verb.answer(this.#scope, withWorkflow(readBody(request.body), address));
        return reply(value, this.#parts.transport.maxReplyBytes);
      } finally {
        leave();
      }
    } catch (thrown) {
      const error = toApiError(thrown);
      if (error.code === "internal")
        this.#log.error({ err: thrown, verb: name }, "a request met a fault");
      else
        this.#log.debug({ verb: name, code: error.code, reason: error.message }, "request refused");
      return errorReply(error, this.#parts.transport.maxReplyBytes);
    }
  }

  /** @returns how to leave again. @throws FloxideError `backend` where there is no room */
  #enter(verb: Verb): () => void {
    const { maxInFlight, maxWaiting } = this.#options;
    if (verb.waits) {
      if (this.#waiting >= maxWaiting) throw busy(this.#waiting, "wait");
      this.#waiting += 1;
      return () => {
        this.#waiting -= 1;
      };
    }
    if (this.#working >= maxInFlight) throw busy(this.#working, "are in work");
    this.#working += 1;
    return () => {
      this.#working -= 1;
    };
  }
}

function knownVerb(name: string): Verb {
  const verb = verbNamed(name);
  if (verb !== null) return verb;
  throw new FloxideError(
    "not_found",
    `there is no verb "${name}"; there is ${VERB_NAMES.join(", ")}`,
    {
      details: { verb: name, verbs: VERB_NAMES },
    },
  );
}

function busy(requests: number, doing: string): FloxideError {
  return new FloxideError(
    "backend",
    `the service is busy: ${requests} requests ${doing}; ask again`,
    {
      details: { requests, busy: true },
    },
  );
}

/** An empty body is an empty request: `nats req floxide.api.backlog ""` is enough. */
function readBody(body: string): unknown {
  if (body.trim() === "") return {};
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw notJson(cause);
  }
}

function notJson(cause: unknown): FloxideError {
  return new FloxideError("validation", `the request is not JSON: ${whyNotJson(cause)}`, { cause });
}
