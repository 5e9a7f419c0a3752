import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { startNatsServer } from "../../src/jetstream/server/start.ts";
import { chain } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";

const production = resolve("nats-server.conf");

/** True as long as the process runs; a dead one that nobody has collected counts as ended. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !/^\d+ \(.*\) Z/.test(stat);
}

const untilEnded = (pid: number) =>
  vi.waitUntil(async () => !(await isRunning(pid)), { timeout: 10_000, interval: 10 });

/** One stream, one message. */
async function publishOne(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: "kept", subjects: ["kept"] });
  await jetstream(connection).publish("kept", "value");
  await connection.close();
}

async function countMessages(url: string): Promise<number> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info("kept");
  await connection.close();
  return state.messages;
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "floxide-test-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe("a server", () => {
  test("has JetStream, a port of its own and a directory that goes with it", async () => {
    const server = await startTestServer();
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
    await publishOne(server.url);
    expect(await countMessages(server.url)).toBe(1);
    expect(existsSync(server.storeDir)).toBe(true);

    await server.stop();
    await server.stop();
    expect(await isRunning(server.pid)).toBe(false);
    expect(existsSync(server.storeDir)).toBe(false);
  });

  test("is stopped at the end of its scope", async () => {
    let pid = 0;
    {
      await using server = await startTestServer();
      pid = server.pid;
    }
    expect(await isRunning(pid)).toBe(false);
  });

  test("is known to the processes that tests start", () => {
    expect(process.env["FLOXIDE_NATS_SERVER"]).toBe(inject("natsServer"));
  });

  test("starts beside others", async () => {
    const servers = await Promise.all([startTestServer(), startTestServer(), startTestServer()]);
    expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
    await Promise.all(servers.map((server) => server.stop()));
  });

  test("comes back after a kill with its port and its data", async () => {
    await using server = await startTestServer();
    await publishOne(server.url);
    const { pid, url } = server;
    await server.kill();
    expect(await isRunning(pid)).toBe(false);
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(server.url).toBe(url);
    expect(await countMessages(url)).toBe(1);
  });

  test("restarts in good order while it runs", async () => {
    await using server = await startTestServer();
    await publishOne(server.url);
    await server.restart();
    expect(await countMessages(server.url)).toBe(1);
  });

  test("is not restarted after a stop", async () => {
    const server = await startTestServer();
    await server.stop();
    await expect(server.restart()).rejects.toMatchObject({ code: "illegal_state" });
  });

  test("keeps a directory that was given", async () => {
    const storeDir = join(directory, "store");
    const first = await startTestServer({ storeDir });
    await publishOne(first.url);
    await first.stop();
    await using second = await startTestServer({ storeDir });
    expect(await countMessages(second.url)).toBe(1);
  });

  test("stops when it was killed by somebody else", async () => {
    const server = await startTestServer();
    process.kill(server.pid, "SIGKILL");
    await untilEnded(server.pid);
    await server.stop();
    expect(existsSync(server.storeDir)).toBe(false);
  });

  test("waits at a restart for a port that is held for a moment", async () => {
    await using server = await startTestServer();
    await server.kill();
    const holder = createServer().listen(server.port, "127.0.0.1");
    await once(holder, "listening");
    const restarted = server.restart();
    // The first attempt has failed when the server has written why.
    const log = join(server.storeDir, "..", "server.log");
    await vi.waitUntil(async () => /already in use/.test(await readFile(log, "utf8")), {
      interval: 5,
    });
    holder.close();
    await restarted;
    expect(await isRunning(server.pid)).toBe(true);
  });
});

describe("a server that does not start", () => {
  test("says so when its port is taken", async () => {
    await using other = await startTestServer();
    await expect(startTestServer({ port: other.port })).rejects.toMatchObject({
      code: "backend",
      message: expect.stringContaining(`port ${other.port} of 127.0.0.1 is taken`),
    });
  });

  test("says what it logged", async () => {
    const starting = startTestServer({ settings: { max_payload: "not a size" } });
    await expect(starting).rejects.toThrow(
      /did not start: it ended with .*It logged:\n.*server\.conf:1:1/s,
    );
  });

  test("says so when there is no such program", async () => {
    const binary = join(directory, "nowhere");
    await expect(startNatsServer({ binary, env: process.env })).rejects.toThrow(/nowhere/);
  });

  test("is given up and ended after its time", async () => {
    const binary = join(directory, "sleeper");
    const pidFile = join(directory, "pid");
    await writeFile(binary, `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 60\n`, { mode: 0o755 });
    const starting = startNatsServer({ binary, env: process.env, startTimeoutMs: 200 });
    await expect(starting).rejects.toThrow("was not ready within 200 ms");
    await untilEnded(Number(await readFile(pidFile, "utf8")));
  });
});

describe("the parent of a server", () => {
  /** A process that starts a server, tells its pid and directory, and goes on as `then` says. */
  async function startParent(
    then: string,
  ): Promise<{ parent: ChildProcess; pid: number; storeDir: string }> {
    const script = `
      import { startNatsServer } from "./src/jetstream/server/start.ts";
      const server = await startNatsServer({ binary: process.env.BINARY, env: process.env });
      console.log(JSON.stringify({ pid: server.pid, storeDir: server.storeDir }));
      ${then}`;
    const args = ["--import", "tsx", "--input-type=module", "--eval", script];
    const parent = spawn(process.execPath, args, {
      env: { ...process.env, BINARY: inject("natsServer") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface(parent.stdout), "line");
    return { parent, ...JSON.parse(line) };
  }

  const lasts = "setInterval(() => {}, 1000);";

  test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "takes the server with it at %s",
    async (signal) => {
      const { parent, pid } = await startParent(lasts);
      expect(await isRunning(pid)).toBe(true);
      parent.kill(signal);
      await untilEnded(pid);
    },
  );

  test("takes the server with it when it exits", async () => {
    const { pid } = await startParent("process.exit(0);");
    await untilEnded(pid);
  });

  test("takes the temporary directory with it too", async () => {
    const { parent, storeDir } = await startParent(lasts);
    expect(existsSync(storeDir)).toBe(true);
    parent.kill("SIGKILL");
    await vi.waitUntil(() => !existsSync(storeDir), { timeout: 10_000, interval: 10 });
  });

  test("ends by itself once it has stopped the server", async () => {
    const { parent } = await startParent("await server.stop();");
    if (parent.exitCode === null) await once(parent, "exit");
    expect(parent.exitCode).toBe(0);
  });
});

describe("nats-server.conf", () => {
  test("passes the server's own check", () => {
    execFileSync(inject("natsServer"), ["-t", "-c", production], { stdio: "pipe" });
  });

  test("starts with another port and store directory, and keeps its other lines", async () => {
    await using server = await startTestServer({ configFile: production });
    const connection = await connect({ servers: server.url });
    expect(connection.info?.max_payload).toBe(8 * 1024 * 1024);
    expect(connection.info?.server_name).toBe("floxide-1");
    await connection.close();
    await publishOne(server.url);
    expect(await readdir(server.storeDir)).toEqual(["jetstream"]);
  });

  test("lets settings replace its lines", async () => {
    const settings = { max_payload: 1024, jetstream: { sync_interval: "1m" } };
    await using server = await startTestServer({ configFile: production, settings });
    const connection = await connect({ servers: server.url });
    expect(connection.info?.max_payload).toBe(1024);
    await connection.close();
  });

  /** The commented parts that show what may be turned on, turned on. */
  async function withExamples(): Promise<string> {
    const text = (await readFile(production, "utf8"))
      .replace(/^# http: .*$/m, 'http: "127.0.0.1:-1"')
      .replace(/^# authorization \{\n(?:#.*\n)*?# \}$/m, (block) => block.replaceAll(/^# ?/gm, ""))
      .replaceAll("$2a$11$...", "secret");
    const path = join(directory, "with-examples.conf");
    await writeFile(path, text);
    return path;
  }

  test("gives with its example permissions each role what it needs, and nobody else anything", async () => {
    await using server = await startTestServer({ configFile: await withExamples() });
    const anonymous = connect({ servers: server.url, reconnect: false });
    await expect(anonymous).rejects.toThrow(/authorization/i);

    const order = chain(1, "order");
    const as = (user: string) => ({
      ...{ servers: server.url, user, pass: "secret", inboxPrefix: `_INBOX_${user}` },
      workflows: [order],
    });
    await using service = await OrchestratorService.connect(as("orchestrator"));
    await service.start();
    await using worker = await DistributedWorker.connect({ ...as("worker"), graceMs: 0 });
    await worker.start();
    const { workflows: _, ...shop } = as("shop");
    const connection = await connect(shop);
    const request = (verb: string, body: object) =>
      connection.request(`floxide.api.${verb}`, JSON.stringify(body));
    expect((await request("start.order", { input: 1, runId: "r" })).json()).toEqual({ runId: "r" });
    await expect(request("list", {})).rejects.toThrow(/permissions violation/i);
    await connection.close();
  });
});
