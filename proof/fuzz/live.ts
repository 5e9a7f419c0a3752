import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "@nats-io/transport-node";
import fc from "fast-check";
import { readStart } from "../../src/core/records/start-request.ts";
import { toToken } from "../../src/core/token.ts";
import { DistributedOrchestrator } from "../../src/index.ts";
import { startNatsServer } from "../../src/jetstream/server/start.ts";
import { VERB_NAMES, VERBS } from "../../src/service/verbs.ts";
import { initialContext } from "../../src/workflows/index.ts";
import { readOptions } from "../support/options.ts";
import {
  CHECKPOINTS,
  COMMANDS,
  EVENTS,
  HEARTBEATS,
  METRICS,
  RUN_INFOS,
  STORED_CHECKPOINTS,
  WORK_MESSAGES,
} from "./corpus.ts";
import { flow } from "./doors/api.ts";
import { bodies, headerBlocks, texts } from "./hostile.ts";
import { RawPublisher } from "./raw-publisher.ts";

const USAGE = "npm run fuzz:live -- [--rounds 5] [--cases 2000] [--seed S] [--json]";
const values = readOptions(USAGE, {
  rounds: { type: "string", default: "5" },
  cases: { type: "string", default: "2000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  json: { type: "boolean", default: false },
});
const [rounds = 5, cases = 2_000, seed = 1] = [values.rounds, values.cases, values.seed].map(
  Number,
);

/** What a worker may grow by, in bytes. */
const GROWTH_LIMIT = 400 * 2 ** 20;
const DRAIN_MS = 120_000;

interface Publication {
  readonly subject: string;
  readonly body: string;
  readonly headers: string | null;
  readonly asks?: boolean;
}

// Headers that the server itself acts on are left out: what it refuses to store comes in at no door.
const headers = fc.option(
  headerBlocks.filter((block) => block.length > 0 && !/nats-/i.test(block)),
  { nil: null, freq: 2 },
);

/** An id of others as one token, so that what is published on it is stored. */
const token = texts.map((text) => toToken(text.slice(0, 100)) || "_");

/** A key that no start request names: a run whose checkpoint says that it is another release's waits for that. */
const key = token.map((one) => `kv-${one}`);

const START_BODIES = [
  { input: 1 },
  { input: { sku: "A-1" }, runId: "r-1" },
  { input: 2, context: { notes: ["a"] }, runId: "r-2" },
  { input: "wrong" },
];

/** Work and requests for a newer release wait for it: that is no fault, and would keep the queue from being empty. */
const isForNow = (body: string): boolean => {
  try {
    const { version = 1, v = 1 } = (JSON.parse(body) ?? {}) as { version?: unknown; v?: unknown };
    return !(typeof version === "number" && version > 1) && !(typeof v === "number" && v > 1);
  } catch {
    return true;
  }
};

const publications: fc.Arbitrary<Publication> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      subject: fc.constant("floxide.start.order"),
      body: bodies(START_BODIES).filter(isForNow),
      headers,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      subject: fc.tuple(token, token).map((two) => `floxide.work.order.${two.join(".")}`),
      body: bodies(WORK_MESSAGES).filter(isForNow),
      headers,
    }),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(...VERB_NAMES.filter((verb) => verb !== "wait" && verb !== "repair"))
      .chain((verb) =>
        fc.record({
          subject: fc.constant(`floxide.api.${verb}`),
          body: bodies([VERBS[verb].example, {}]),
          headers,
          asks: fc.constant(true),
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      subject: token.map((one) => `floxide.control.${one}`),
      body: bodies(COMMANDS),
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: token.map((one) => `floxide.history.order.${one}`),
      body: bodies(EVENTS),
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: token.map((one) => `floxide.dead.${one}`),
      body: texts,
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: key.map((one) => `$KV.floxide-context.${one}`),
      body: bodies([...CHECKPOINTS, ...STORED_CHECKPOINTS]),
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: key.map((one) => `$KV.floxide-runs.order.running.${one}`),
      body: bodies(RUN_INFOS),
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: key.map((one) => `$KV.floxide-liveness.${one}`),
      body: bodies(HEARTBEATS),
      headers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      subject: key.map((one) => `$KV.floxide-metrics.${one}`),
      body: bodies(METRICS),
      headers,
    }),
  },
);

/** Text as a client reads it: what UTF-8 cannot carry is replaced, and a leading byte order mark dropped. */
const asRead = (text: string): string => new TextDecoder().decode(Buffer.from(text));

/** What tells one body from another: of a long one the letter keeps the beginning. */
const beginningOf = (body: string): string => asRead(body).slice(0, 1_000);

/** True for a start request that must come back as a dead letter. */
function isRefused({ body }: Publication): boolean {
  try {
    const text = asRead(body);
    const request = readStart(
      { workflow: "order", seq: 1, acceptedAt: 0, messageId: null, body: text },
      "floxide",
    );
    initialContext(flow, request.context);
    const parsed = flow.nodes["only"]?.inputSchema["~standard"].validate(request.input);
    return parsed !== undefined && !(parsed instanceof Promise) && parsed.issues !== undefined;
  } catch {
    return true;
  }
}

const server = await startNatsServer({ env: process.env, log: () => {} });
const child = fork(new URL("./live-worker.ts", import.meta.url), [server.url], {
  execArgv: ["--import", "tsx"],
});
let isGone = false;
child.once("exit", () => {
  isGone = true;
});
await once(child, "message");
const nc = await connect({ servers: server.url });
const orchestrator = await DistributedOrchestrator.connect({
  servers: server.url,
  workflows: [flow],
});
const hostile = await RawPublisher.connect(server.url);
let answers = 0;
const internal: string[] = [];
nc.subscribe("_INBOX.fuzz", {
  callback: (_error, msg) => {
    answers += 1;
    if (msg.string().includes('"code":"internal"')) internal.push(msg.string().slice(0, 300));
  },
});
await nc.flush();

const findings: string[] = [];
const find = (what: string): void => {
  findings.push(what);
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function rss(): Promise<number> {
  child.send("rss");
  const [bytes] = (await once(child, "message")) as [number];
  return bytes;
}

/** Waits until nothing of the workflow is in the queue. */
async function drained(): Promise<boolean> {
  for (const until = Date.now() + DRAIN_MS; Date.now() < until; await pause(250)) {
    if (isGone) return false;
    const { state } = (await nc.request("$JS.API.STREAM.INFO.floxide-work", "")).json<{
      state: { messages: number };
    }>();
    if (state.messages === 0) return true;
  }
  return false;
}

/** The message that waits longest. */
async function firstQueued(): Promise<string> {
  const request = JSON.stringify({ seq: 1, next_by_subj: ">" });
  const answer = await nc.request("$JS.API.STREAM.MSG.GET.floxide-work", request);
  const { message } = answer.json<{
    message?: { subject: string; hdrs?: string; data?: string };
  }>();
  const text = (part = "") => JSON.stringify(Buffer.from(part, "base64").toString().slice(0, 500));
  return `${message?.subject} ${text(message?.hdrs)} ${text(message?.data)}`;
}

/** Ids of dead letters newer than one. */
async function lettersSince(
  id: number,
): Promise<{ readonly id: number; readonly subject: string; readonly body: string }[]> {
  const found: { id: number; subject: string; body: string }[] = [];
  for (let before: number | null = null; ; ) {
    const page = await orchestrator.deadLetters({ limit: 1_000, before });
    found.push(...page.filter((letter) => letter.id > id));
    const last = page.at(-1);
    if (last === undefined || last.id <= id) return found;
    before = last.id;
  }
}

let published = 0;
let asked = 0;
let refusedStarts = 0;
let newest = 0;
const base = await rss();
let most = base;

async function playRound(round: number): Promise<void> {
  const list = fc.sample(publications, { seed: seed + round, numRuns: cases });
  const expected = new Map<string, number>();
  for (const [index, one] of list.entries()) {
    if (one.subject === "floxide.start.order" && isRefused(one)) {
      const body = beginningOf(one.body);
      expected.set(body, (expected.get(body) ?? 0) + 1);
      refusedStarts += 1;
    }
    hostile.publish(one.subject, one.body, one.headers, one.asks === true ? "_INBOX.fuzz" : "");
    if (one.asks === true) asked += 1;
    published += 1;
    if (index % 100 === 99) await hostile.flush();
  }
  await hostile.flush();
  if (hostile.errors.length > 0)
    find(`round ${round}: the server refuses the publisher: ${hostile.errors.splice(0).join()}`);
  if (!(await drained()))
    find(`round ${round}: the queue is not empty after ${DRAIN_MS} ms: ${await firstQueued()}`);
  const letters = await lettersSince(newest);
  newest = letters[0]?.id ?? newest;
  for (const { subject, body } of letters) {
    if (subject !== "floxide.start.order") continue;
    const begin = beginningOf(body);
    const left = (expected.get(begin) ?? 0) - 1;
    if (left > 0) expected.set(begin, left);
    else expected.delete(begin);
  }
  for (const body of expected.keys())
    find(
      `round ${round}: a refused start is no dead letter: ${JSON.stringify(body.slice(0, 200))}`,
    );
  const id = await orchestrator.startRun(flow, 1, { runId: `sane-${seed}-${round}` });
  const end = await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  if (end.status !== "completed") find(`round ${round}: a sane run ends as ${end.status}`);
  await orchestrator.listRuns({ limit: 100 });
  await orchestrator.listWorkers();
  await orchestrator.repair({ quietMs: 0 });
  most = Math.max(most, await rss());
}

try {
  for (let round = 0; round < rounds && findings.length === 0 && !isGone; round++) {
    if (!values.json) console.error(`round ${round} …`);
    await playRound(round);
  }
} catch (error) {
  find(`it throws: ${(error as Error).stack}`);
}
for (const until = Date.now() + 5_000; answers < asked && Date.now() < until; ) await pause(100);
if (isGone) find("the worker's process ended");
if (internal.length > 0) find(`requests met a fault: ${internal[0]}`);
if (answers < asked) find(`${asked - answers} of ${asked} requests were not answered`);
if (most - base > GROWTH_LIMIT) find(`the worker grew by ${most - base} bytes`);
const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
const report = {
  seed,
  rounds,
  published,
  asked,
  answers,
  refusedStarts,
  workerMiB: { before: mib(base), most: mib(most) },
  findings,
};
if (values.json) console.log(JSON.stringify(report, null, 2));
else {
  console.log(
    `seed ${seed}: ${published} messages, ${asked} requests (${answers} answered), ${refusedStarts} refused starts, each a dead letter`,
  );
  console.log(`worker: ${mib(base)} MiB before, ${mib(most)} MiB at most`);
  for (const finding of findings) console.log(finding);
  console.log(findings.length === 0 ? "nothing found" : `${findings.length} found`);
}
hostile.close();
child.disconnect();
await orchestrator.close();
await nc.close();
await server.stop();
process.exit(findings.length === 0 ? 0 : 1);
