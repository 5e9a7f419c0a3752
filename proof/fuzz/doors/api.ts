import fc from "fast-check";
import { z } from "zod";
import { MemoryWorld } from "../../../src/memory/world.ts";
import { Orchestrator } from "../../../src/orchestrator/orchestrator.ts";
import { ERROR_NUMBERS } from "../../../src/service/error-reply.ts";
import { Service } from "../../../src/service/service.ts";
import type { ApiRequest, ApiTransport } from "../../../src/service/transport.ts";
import { VERB_NAMES, VERBS } from "../../../src/service/verbs.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { eventLog, hold, next, node, workflow } from "../../../src/workflows/index.ts";
import { demand, door, type Verdict } from "../door.ts";
import { bodies, texts } from "../hostile.ts";

/** Runs of this are begun by some of the cases. */
export const flow = workflow({
  name: "order",
  version: 1,
  context: { notes: eventLog<string>() },
  nodes: {
    only: node({
      input: z.union([z.number(), z.object({ sku: z.string() })]),
      output: z.number(),
      signals: { approval: z.object({ ok: z.boolean() }) },
      run: (c) => (c.wake === null ? hold({ for: "approval", timeoutMs: 50 }) : next(1)),
    }),
  },
  start: "only",
  edges: { only: [] },
});

/** Cases after which the stores begin anew: what runs leave behind is no leak. */
const FRESH_AFTER = 2_000;
const MAX_REPLY = 1_000_000;
/** Milliseconds after which a request that may wait is taken to wait. */
const WAIT_MS = 300;

interface Answer {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A service on stores in memory, with a worker. */
class Stand {
  #listener: ((request: ApiRequest) => void) | null = null;
  readonly #close: (() => Promise<unknown>)[] = [];
  cases = 0;

  static async start(): Promise<Stand> {
    const stand = new Stand();
    const world = new MemoryWorld();
    const backend = world.open();
    const workflows = [flow];
    const orchestrator = new Orchestrator({ backend, workflows }, { answerMs: 20 });
    const worker = new Worker({ backend: world.open(), workflows }, { graceMs: 0 });
    const transport: ApiTransport = {
      maxReplyBytes: MAX_REPLY,
      listen: async (subject, _group, onRequest) => {
        if (subject.startsWith("ns.api.")) stand.#listener = onRequest;
        return { drain: async () => {} };
      },
    };
    const subjectOf = (verb: string) => `ns.api.${verb}`;
    const service = new Service(
      { orchestrator, workflows, transport, namespace: "ns", subjectOf, version: "1.0.0" },
      { repairEveryMs: 0, graceMs: 0 },
    );
    await service.start();
    await worker.start();
    stand.#close.push(
      () => service.stop(),
      () => worker.stop({ graceMs: 0 }),
      () => orchestrator.close(),
      () => backend.close(),
    );
    return stand;
  }

  ask(verb: string, body: string): Promise<Answer> {
    return new Promise((resolve) => {
      this.#listener?.({
        subject: `ns.api.${verb}`,
        body,
        respond: (text, headers = {}) => resolve({ body: text, headers }),
      });
    });
  }

  async close(): Promise<void> {
    for (const close of this.#close) await close();
  }
}

interface Case {
  readonly verb: string;
  readonly body: string;
}

const corpusOf = (verb: string): readonly unknown[] => {
  const known = VERB_NAMES.find((name) => name === verb);
  if (known === undefined) return [{}];
  const { example } = VERBS[known];
  return [example, { ...example, runId: "r" }, {}];
};

/** Requests to every verb of the API. */
export const api = door<Case>({
  name: "api",
  summary: "requests to every verb of the API, and to verbs that there are not",
  few: 400,
  cases: fc
    .oneof(
      { weight: 8, arbitrary: fc.constantFrom<string>(...VERB_NAMES) },
      { weight: 1, arbitrary: texts },
    )
    .chain((verb) => fc.record({ verb: fc.constant(verb), body: bodies(corpusOf(verb)) })),
  open: async () => {
    let stand = await Stand.start();
    return {
      attempt: async ({ verb, body }) => {
        if (++stand.cases > FRESH_AFTER) {
          await stand.close();
          stand = await Stand.start();
        }
        const answering = stand.ask(verb, body);
        if (verb !== "wait") return verdictOf(await answering);
        const waits = new Promise<null>((resolve) =>
          setTimeout(() => resolve(null), WAIT_MS).unref(),
        );
        const answer = await Promise.race([answering, waits]);
        return answer === null ? "accepted" : verdictOf(answer);
      },
      close: () => stand.close(),
    };
  },
});

function verdictOf({ body, headers }: Answer): Verdict {
  demand(Buffer.byteLength(body) <= MAX_REPLY, "a reply is larger than a message may be");
  for (const value of Object.values(headers))
    demand(/^[\x20-\x7e]*$/.test(value), "a header is not printable");
  const said = JSON.parse(body) as { readonly error?: { readonly code?: unknown } };
  if (said.error === undefined) return "accepted";
  const { code } = said.error;
  demand(
    typeof code === "string" && Object.hasOwn(ERROR_NUMBERS, code),
    `the code of a refusal is ${String(code)}`,
  );
  demand(code !== "internal", "a request met a fault");
  demand(
    headers["Nats-Service-Error-Code"] !== undefined,
    "a refusal does not say so in its headers",
  );
  return code as Verdict;
}
