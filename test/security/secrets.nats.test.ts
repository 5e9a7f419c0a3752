import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  DistributedOrchestrator,
  DistributedWorker,
  FloxideError,
  hold,
  latest,
  next,
  node,
  OrchestratorService,
  workflow,
} from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { shell } from "./shell.ts";

// What users hand in stays where it belongs. Each way in has a word of its own, so that a failure says which it was.

const WORDS = {
  input: "CANARYinput",
  context: "CANARYcontext",
  output: "CANARYoutput",
  signal: "CANARYsignal",
  misfit: "CANARYmisfit",
  broken: "CANARYbroken",
  large: "CANARYlarge",
  password: "CANARYpassword",
} as const;
/** What a node throws is its own words to whoever reads errors. */
const THROWN = "CANARYthrown";
/** Names of fields are said where they do not fit; values are not. */
const KEY = "namedField";

const Secret = z.strictObject({ secret: z.string() });
const fields = { token: latest<string>() };

const careful = workflow({
  name: "careful",
  version: 1,
  context: fields,
  nodes: {
    ask: node({
      context: fields,
      input: Secret,
      output: Secret,
      signals: { reply: Secret },
      run: (c, input) => {
        if (c.wake === null) return hold({ for: "reply" });
        c.token.set(`${WORDS.context} again`);
        return next(c.wake.type === "signal" ? c.wake.payload : input);
      },
    }),
    end: node({ input: Secret, output: z.string(), run: () => next(WORDS.output) }),
  },
  start: "ask",
  edges: { ask: ["end"], end: [] },
});

const failing = workflow({
  name: "failing",
  version: 1,
  context: fields,
  nodes: {
    work: node({
      input: z.strictObject({ secret: z.string(), how: z.string() }),
      // The answer may be another than the type says.
      output: z.number(),
      retry: { maxAttempts: 2, initialMs: 10, backoff: "constant", jitter: 0 },
      run: (_c, { secret, how }) => {
        if (how === "throw") throw new Error(`cannot: ${THROWN}`);
        return next(secret as unknown as number);
      },
    }),
  },
  start: "work",
  edges: { work: [] },
});

const workflows = [careful, failing];
const PASSWORD = WORDS.password;

let server: NatsServer;
let worker: DistributedWorker;
let service: OrchestratorService;
let client: DistributedOrchestrator;
let nats: NatsConnection;
/** Everything that was logged, as pino writes it, at every level. */
const logs: string[] = [];
const logger = pino({ level: "trace" }, { write: (line: string) => logs.push(line) });
/** What was thrown at callers: message, details, causes and stacks. */
const errors: string[] = [];

beforeAll(async () => {
  server = await startTestServer({
    settings: { jetstream: {}, authorization: { user: "me", password: PASSWORD } },
  });
  const options = { servers: server.url, user: "me", pass: PASSWORD, workflows, logger };
  service = await OrchestratorService.connect({ ...options, repairEveryMs: 100 });
  worker = await DistributedWorker.connect({ ...options, workerId: "w", heartbeatMs: 100 });
  client = await DistributedOrchestrator.connect(options);
  nats = await connect({ servers: server.url, user: "me", pass: PASSWORD });
  await Promise.all([service.start(), worker.start()]);
});
afterAll(async () => {
  await Promise.all([service.stop(), worker.stop({ graceMs: 0 }), client.close(), nats.close()]);
  await server.stop();
});

async function failed(work: Promise<unknown>): Promise<FloxideError> {
  const error = await work.then(
    () => expect.fail("it does not fail"),
    (thrown: unknown) => thrown as FloxideError,
  );
  expect(error).toBeInstanceOf(FloxideError);
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    errors.push(`${link.message} ${link.stack} ${JSON.stringify(link)}`);
  }
  return error;
}

const cli = (...args: readonly string[]) =>
  shell([...args, "--log-level", "debug"], {
    NATS_URL: server.url,
    NATS_USER: "me",
    NATS_PASSWORD: PASSWORD,
  });

const ask = async (verb: string, request: unknown) => {
  const body = typeof request === "string" ? request : JSON.stringify(request);
  return (await nats.request(`floxide.api.${verb}`, body, { timeout: 10_000 })).string();
};

async function carry(): Promise<void> {
  const context = { token: WORDS.context };
  await client.startRun("careful", { secret: WORDS.input }, { runId: "good", context });
  await eventually(async () => {
    expect(await client.listWorkItems("good")).toMatchObject([{ state: "held" }]);
  });
  await failed(client.signal("good", "reply", { secret: 1, [KEY]: WORDS.misfit }));
  await client.signal("good", "reply", { secret: WORDS.signal });
  expect(await client.waitForCompletion("good")).toMatchObject({ output: WORDS.output });
}

async function fail(): Promise<void> {
  for (const how of ["misfit", "throw"]) {
    const input = { secret: WORDS.misfit, how };
    await client.startRun("failing", input, { runId: how, context: { token: WORDS.context } });
    expect(await client.waitForCompletion(how)).toMatchObject({ status: "failed" });
    await failed(client.result(how));
  }
}

async function refuse(): Promise<void> {
  const misfit = { secret: { of: WORDS.misfit }, [KEY]: WORDS.misfit };
  await failed(client.startRun("careful", misfit as never));
  const large = { secret: WORDS.large.repeat(200_000) };
  await failed(client.startRun("careful", large));
  await failed(client.startRun("careful", { secret: WORDS.input }, { runId: "good" }));
  await failed(client.startRun("careful", { secret: "x" }, { context: { [KEY]: 1 } }));
  await ask("start", { workflow: "careful", input: misfit });
  await ask("start", { workflow: "careful", input: large.secret.slice(0, 500_000), extra: 1 });
  await ask("start", `{"workflow":"careful","input":{"secret":${WORDS.broken}}}`);
  await ask("signal", { runId: "good", name: "reply", payload: WORDS.signal });
  for (const body of [
    JSON.stringify({ input: misfit }),
    `{"input":${WORDS.broken}`,
    WORDS.broken,
  ]) {
    await nats.request("floxide.start.careful", body);
  }
  await eventually(async () => expect(await client.deadLetters()).toHaveLength(3));
}

describe("what users hand in", () => {
  const lines: string[] = [];
  beforeAll(async () => {
    await carry();
    await fail();
    await refuse();
    for (const args of [
      ["start", "careful", JSON.stringify({ secret: WORDS.input, [KEY]: 1 })],
      ["signal", "good", "reply", JSON.stringify({ secret: WORDS.signal })],
      ["status", "misfit"],
      ["result", "misfit"],
      ["start", "careful", `{"secret":"${WORDS.input}"}`, "--run-id", "misfit"],
    ]) {
      lines.push((await cli(...args)).err);
    }
  });

  test.each(Object.entries(WORDS))("is not in logs: %s", (_way, word) => {
    const said = logs.filter((line) => line.includes(word));
    expect(said).toEqual([]);
  });

  test.each(Object.entries(WORDS))("is not in errors: %s", (_way, word) => {
    expect(errors.filter((text) => text.includes(word))).toEqual([]);
  });

  test.each(Object.entries(WORDS))("is not on the standard error: %s", (_way, word) => {
    expect(lines.filter((text) => text.includes(word))).toEqual([]);
  });

  test("is not in metrics, heartbeats, histories and failed attempts", async () => {
    const kept = await Promise.all([
      client.listWorkerHealth(),
      client.backlog(),
      ...["good", "misfit", "throw"].flatMap((runId) => [
        client.metrics(runId),
        client.history(runId),
        ...(runId === "throw" ? [] : [client.errors(runId), client.pendingWork(runId)]),
      ]),
    ]);
    const text = JSON.stringify(kept);
    for (const word of [...Object.values(WORDS), THROWN]) expect(text).not.toContain(word);
  });

  test("is in run infos only as the output of a completed run", async () => {
    const { items } = await client.listRuns();
    const text = JSON.stringify(items.map(({ output: _, failure: __, ...info }) => info));
    for (const word of [...Object.values(WORDS), THROWN]) expect(text).not.toContain(word);
    const outputs = items.filter((info) => info.output !== undefined);
    expect(outputs).toMatchObject([{ runId: "good", output: WORDS.output }]);
  });
});

test("what a node throws is kept with its failed attempts, and logged as their message", async () => {
  await eventually(async () => expect(await client.errors("throw")).toHaveLength(2));
  const said = logs.filter((line) => line.includes(THROWN)).map((line) => JSON.parse(line).msg);
  expect(said).toHaveLength(2);
  for (const message of said) expect(message).toMatch(/^attempt failed: /);
});

test("a password in an address is in no error and no log", async () => {
  const servers = `nats://me:${PASSWORD}@127.0.0.1:9`;
  for (const odd of ["", "@", "/", "/@:"]) {
    const address = servers.replace(PASSWORD, odd + PASSWORD);
    await failed(DistributedOrchestrator.connect({ servers: address, logger }));
  }
  const { err } = await cli("list", "--server", servers);
  expect(`${err}${errors.join("")}${logs.join("")}`).not.toContain(PASSWORD);
  expect(err).toContain("nats://127.0.0.1:9");
});
