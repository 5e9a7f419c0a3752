import { connect } from "@nats-io/transport-node";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { type NatsServer, startNatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startTestServer();
  return () => server.stop();
});

const workflows = [chain(3), approval];
let namespaces = 0;

/** Services of a namespace of their own, and a client that knows nothing of floxide. */
async function services(count: number) {
  const namespace = `api-${++namespaces}`;
  const options = { servers: server.url, namespace, workflows };
  const made = await Promise.all(
    Array.from({ length: count }, () => OrchestratorService.connect(options)),
  );
  await Promise.all(made.map((one) => one.start()));
  const nats = await connect({ servers: server.url });
  onTestFinished(async () => {
    await Promise.all(made.map((one) => one.stop()));
    await nats.close();
  });
  const ask = async (verb: string, request: object = {}) =>
    (
      await nats.request(`${namespace}.api.${verb}`, JSON.stringify(request), { timeout: 10_000 })
    ).json<Record<string, unknown>>();
  /** Asks everybody, and gives all answers. */
  const everybody = async (subject: string) => {
    const answers: Record<string, unknown>[] = [];
    const all = await nats.requestMany(subject, "", { strategy: "stall", maxWait: 2_000 });
    for await (const answer of all) answers.push(answer.json());
    return answers;
  };
  return { namespace, options, services: made, nats, ask, everybody };
}

type Stats = { id: string; endpoints: { name: string; num_requests: number }[] };

test("starts a run, waits for it and gives its result to a bare NATS client", async () => {
  const { ask, options } = await services(1);
  await using worker = await DistributedWorker.connect(options);
  await worker.start();
  const { runId } = await ask("start", { workflow: "chain", input: 1 });
  expect(await ask("wait", { runId })).toMatchObject({ runId, status: "completed" });
  expect(await ask("result", { runId })).toEqual({ output: 4 });
  expect(await ask("list", { status: "completed" })).toMatchObject({ items: [{ runId }] });
});

test("says what is wrong in body and headers", async () => {
  const { nats, namespace } = await services(1);
  const answer = await nats.request(`${namespace}.api.start`, '{"workflow":"chain","input":"x"}');
  expect(answer.json()).toMatchObject({ error: { code: "validation" } });
  expect(answer.headers?.get("Nats-Service-Error-Code")).toBe("400");
  expect(answer.headers?.get("Nats-Service-Error")).toContain('workflow "chain" does not fit');
});

test("shares the load: each request goes to one of several", async () => {
  const { ask, everybody, namespace } = await services(2);
  await Promise.all(Array.from({ length: 60 }, () => ask("workflows")));
  const stats = (await everybody(`$SRV.STATS.${namespace}-api`)) as Stats[];
  const counts = stats.map(
    ({ endpoints }) => endpoints.find(({ name }) => name === "workflows")?.num_requests ?? 0,
  );
  expect(counts).toHaveLength(2);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60);
});

describe("when a service stops", () => {
  test("another one answers, without a request lost", async () => {
    const { ask, services: made } = await services(2);
    const asked = Array.from({ length: 40 }, () => ask("list"));
    await made[0]?.stop();
    const later = Array.from({ length: 10 }, () => ask("list"));
    for (const answer of await Promise.all([...asked, ...later])) {
      expect(answer).toEqual({ items: [], cursor: null });
    }
  });

  test("those who wait are told to ask again", async () => {
    const { ask, services: made, everybody, namespace } = await services(1);
    const { runId } = await ask("start", { workflow: "approval", input: { timeoutMs: null } });
    const waiting = ask("wait", { runId });
    await everybody(`$SRV.PING.${namespace}-api`);
    await made[0]?.stop();
    expect(await waiting).toMatchObject({ error: { code: "backend" } });
  });
});

test("is found by the discovery of NATS micro services", async () => {
  const { everybody, services: made, namespace } = await services(2);
  const ids = made.map((one) => one.identity.id).sort();
  const pings = (await everybody("$SRV.PING")) as { name: string; id: string }[];
  const own = pings.filter(({ name }) => name === `${namespace}-api`);
  expect(own.map(({ id }) => id).sort()).toEqual(ids);
  const [info] = await everybody(`$SRV.INFO.${namespace}-api.${ids[0]}`);
  expect(info).toMatchObject({
    type: "io.nats.micro.v1.info_response",
    endpoints: expect.arrayContaining([
      expect.objectContaining({ name: "start", subject: `${namespace}.api.start` }),
    ]),
  });
});

test("answers again after the server was away", async () => {
  await using own = await startTestServer();
  await using service = await OrchestratorService.connect({ servers: own.url, workflows });
  await service.start();
  await own.kill();
  await own.restart();
  const nats = await connect({ servers: own.url });
  await eventually(async () => {
    const answer = await nats.request("floxide.api.list", "", { timeout: 1_000 });
    expect(answer.json()).toEqual({ items: [], cursor: null });
  });
  await nats.close();
});

test("says which subject it may not listen on", async () => {
  await using own = await startNatsServer({
    binary: inject("natsServer"),
    env: process.env,
    settings: {
      authorization: {
        users: [
          {
            user: "u",
            password: "p",
            permissions: { publish: ">", subscribe: { deny: ["floxide.api.>"] } },
          },
        ],
      },
    },
  });
  await using service = await OrchestratorService.connect({
    servers: own.url,
    user: "u",
    pass: "p",
  });
  await expect(service.start()).rejects.toMatchObject({
    code: "backend",
    message: expect.stringContaining("floxide.api.>"),
  });
});

test("leaves a connection open that the host gave", async () => {
  const connection = await connect({ servers: server.url });
  const service = await OrchestratorService.connect({ connection, namespace: "hosted" });
  await service.start();
  await service.stop();
  expect(connection.isClosed()).toBe(false);
  await connection.close();
});
