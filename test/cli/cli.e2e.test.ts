import { connect } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { partitionOf } from "../../src/core/partition-of.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { FLOWS, folderWith } from "./modules.ts";
import { floxide, Process } from "./spawn.ts";

interface Ready {
  readonly event: "ready";
  readonly server: string;
  readonly workflows: readonly string[];
}

/** Text that is one line. */
const ONE_LINE = /^[^\n]+\n$/;

/** A node that runs until its process ends, whatever it is asked. */
const STUBBORN = `
import { next, node, workflow } from "floxide";
import { z } from "zod";

const wait = node({
  input: z.null(),
  output: z.null(),
  run: async () => { await new Promise((resolve) => setTimeout(resolve, 600_000)); return next(null); },
});
export default workflow({ name: "stubborn", version: 1, nodes: { wait }, start: "wait", edges: { wait: [] } });
`;

test("dev runs a workflow of a TypeScript module from start to result, and stops in order", async () => {
  const cwd = await folderWith({ "flows.ts": FLOWS });
  const dev = new Process(["dev", "flows.ts", "--port", "0", "--json"], { cwd });
  const { server, workflows } = await dev.ready<Ready>();
  expect(workflows).toEqual(["double", "fussy"]);
  const env = { FLOXIDE_SERVER: server };

  const started = await floxide(["start", "double", "21", "--wait", "--run-id", "r1"], { env });
  expect(started).toMatchObject({
    code: 0,
    out: expect.stringMatching(/output +42\n/),
    err: "run r1: checked and started by the orchestrator service\n",
  });
  // The node says that trying again is no use: that is understood, though the module imports floxide by itself.
  const failed = await floxide(["start", "fussy", '"fatal"', "--wait", "--json"], { env });
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.out)).toMatchObject({ status: "failed", failure: { attempt: 1 } });

  const [list, status, refused, unknown] = await Promise.all([
    floxide(["list", "--status", "completed"], { env }),
    floxide(["status", "r1", "--json"], { env }),
    floxide(["start", "double", '"x"'], { env }),
    floxide(["status", "nobody", "--json"], { env }),
  ]);
  expect(list).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^RUN .*\nr1 +double +completed/),
  });
  expect(JSON.parse(status.out)).toMatchObject({ runId: "r1", status: "completed", output: 42 });
  expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringMatching(ONE_LINE) });
  expect(unknown.code).toBe(3);
  expect(JSON.parse(unknown.err)).toMatchObject({ error: { code: "not_found" } });

  dev.signal("SIGTERM");
  const { code, out } = await dev.ended();
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n").at(-1)).toBe('{"event":"stopped","signal":"SIGTERM"}');
  await expect(connect({ servers: server, timeout: 1_000 })).rejects.toThrow();
});

test("dev tells people where to publish, in lines that work", async () => {
  const cwd = await folderWith({ "flows.ts": FLOWS });
  const dev = new Process(["dev", "flows.ts", "--port", "0", "--namespace", "mine"], { cwd });
  await eventually(() => expect(dev.out).toContain("req mine.start.double"), { withinMs: 30_000 });
  expect(dev.out).toMatch(/workflows +double v1, fussy v1\n/);
  const line = /^ {2}floxide (start .*)$/m.exec(dev.out)?.[1] ?? "";
  const args = line.split(" ").map((arg) => arg.replace(/^'(.*)'$/, "$1"));
  expect(await floxide(args)).toMatchObject({ code: 0, out: expect.stringMatching(/output +2\n/) });
  dev.signal("SIGINT");
  expect(await dev.ended()).toMatchObject({ code: 0 });
});

test("dev runs a system on partitions, and tells how to use it", async () => {
  const cwd = await folderWith({ "flows.ts": FLOWS });
  const dev = new Process(["dev", "flows.ts", "--port", "0", "--partitions", "3"], { cwd });
  const place = `floxide-${partitionOf("first", 3)}`;
  await eventually(() => expect(dev.out).toContain(`req ${place}.start.double`), {
    withinMs: 30_000,
  });
  const line = /^ {2}floxide (start .*)$/m.exec(dev.out)?.[1] ?? "";
  const args = line.split(" ").map((arg) => arg.replace(/^'(.*)'$/, "$1"));
  for (let i = 0; i < 3; i++) {
    const started = await floxide(args);
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/output +2\n/) });
  }
  const [, server = "", subject = "", body = ""] =
    /nats --server (\S+) req (\S+) '(.*)'$/m.exec(dev.out) ?? [];
  const nats = await connect({ servers: server });
  await nats.request(subject, body);
  await nats.close();
  const env = { NATS_URL: server, FLOXIDE_PARTITIONS: "3" };
  expect(await floxide(["wait", "first"], { env })).toMatchObject({ code: 0 });
  const { out } = await floxide(["list", "--json"], { env });
  expect(JSON.parse(out)).toMatchObject({ items: [{}, {}, {}, {}], cursor: null });
  dev.signal("SIGTERM");
  expect(await dev.ended()).toMatchObject({ code: 0 });
});

describe("on a server that is there", () => {
  test("worker and orchestrator are processes of their own; start finds its road", async () => {
    await using server = await startTestServer();
    const cwd = await folderWith({ "flows.ts": FLOWS });
    const env = { NATS_URL: server.url };
    const worker = new Process(["worker", "flows.ts", "--workers", "2", "--json"], { cwd, env });
    await worker.ready();
    const unchecked = await floxide(["start", "double", "4", "--wait", "--json"], { env });
    expect(JSON.parse(unchecked.out)).toMatchObject({ road: "publish", output: 8 });
    const misfit = await floxide(["start", "double", '"x"', "--wait", "--json"], { env });
    expect(misfit.code).toBe(1);
    expect(JSON.parse(misfit.out)).toMatchObject({ failure: { kind: "validation" } });

    const orchestrator = new Process(["orchestrator", "flows.ts", "--json"], { cwd, env });
    await orchestrator.ready();
    const reader = new Process(["start", "double", "-", "--wait", "--json"], { env });
    reader.input("5\n");
    expect(JSON.parse((await reader.ended()).out)).toMatchObject({ road: "service", output: 10 });
    const here = ["start", "double", "6", "--module", "flows.ts", "--wait", "--json"];
    const checked = await floxide(here, { cwd, env });
    expect(JSON.parse(checked.out)).toMatchObject({ road: "module", output: 12 });

    const workers = await floxide(["workers", "--json"], { env });
    expect(JSON.parse(workers.out)).toMatchObject({
      workers: [{ liveness: "alive" }, { liveness: "alive" }],
    });
    for (const one of [worker, orchestrator]) {
      one.signal("SIGINT");
      expect(await one.ended()).toMatchObject({ code: 0 });
    }
  });

  test("what only looks makes nothing, and another number of partitions is refused", async () => {
    await using server = await startTestServer();
    const env = { NATS_URL: server.url };
    for (const command of [
      ["list"],
      ["cancel", "r1"],
      ["repair"],
      ["workers", "--partitions", "2"],
    ]) {
      const { code, err } = await floxide(command, { env });
      expect({ code, err }).toEqual({
        code: 3,
        err: expect.stringMatching(/^floxide: there is no floxide in namespace "floxide(-\d)?"/),
      });
    }
    const nats = await connect({ servers: server.url });
    const { streams } = (await (await nats.request("$JS.API.INFO")).json()) as { streams: number };
    await nats.close();
    expect(streams).toBe(0);
    const three = { ...env, FLOXIDE_PARTITIONS: "3" };
    expect(await floxide(["start", "double", "1", "--run-id", "a"], { env: three })).toMatchObject({
      code: 0,
    });
    const { code, err } = await floxide(["status", "a", "--partitions", "6"], { env });
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringContaining("belongs to a system of 3 partitions, not of 6"),
    });
    // The first partition knows it for those that are not there: they are not made.
    const ids = ["b", "c", "d", "e", "f", "g", "h"];
    const [first = "", other = ""] = [
      ids.find((id) => partitionOf(id, 3) === 0),
      ids.find((id) => partitionOf(id, 6) > 2),
    ];
    expect(
      await floxide(["start", "double", "1", "--run-id", first], { env: three }),
    ).toMatchObject({ code: 0 });
    const start = ["start", "double", "1", "--run-id", other, "--partitions", "6"];
    expect(await floxide(start, { env })).toMatchObject({
      code: 2,
      err: expect.stringContaining("3 partitions, not of 6"),
    });
  });

  test("repair --restored makes what was not restored", async () => {
    await using server = await startTestServer();
    const env = { NATS_URL: server.url };
    expect(await floxide(["start", "double", "1"], { env })).toMatchObject({ code: 0 });
    const nats = await connect({ servers: server.url });
    await nats.request("$JS.API.STREAM.DELETE.floxide-work");
    await nats.close();
    expect(await floxide(["repair"], { env })).toMatchObject({
      code: 3,
      err: expect.stringContaining('namespace "floxide" lacks floxide-work'),
    });
    const { code, out } = await floxide(["repair", "--restored", "--json"], { env });
    expect({ code, found: JSON.parse(out) }).toMatchObject({ code: 0, found: { lost: 1 } });
  });

  test("a worker whose node goes on ends at the second signal", async () => {
    await using server = await startTestServer();
    const cwd = await folderWith({ "flows.ts": STUBBORN });
    const env = { NATS_URL: server.url };
    const worker = new Process(["worker", "flows.ts", "--json"], { cwd, env });
    await worker.ready();
    const { code } = await floxide(["start", "stubborn", "--run-id", "r1"], { env });
    expect(code).toBe(0);
    await eventually(async () => {
      const { out } = await floxide(["pending", "--json"], { env });
      expect(JSON.parse(out)).toMatchObject({ backlog: [{ inFlight: 1 }] });
    });
    await eventually(
      () => {
        worker.signal("SIGTERM");
        expect(worker.hasEnded).toBe(true);
      },
      { everyMs: 100 },
    );
    expect(await worker.ended()).toMatchObject({ code: 130 });
  });

  test("a port that is taken is said in one line", async () => {
    await using server = await startTestServer();
    const ended = await floxide(["server", "--port", String(server.port)]);
    expect(ended).toEqual({
      code: 6,
      out: "",
      err: `floxide: port ${server.port} is taken by another process: give another one with --port, or 0 for a free one\n`,
    });
  });
});

describe("server with a configuration file", () => {
  test("runs in the foreground, takes signals, and ends as the server does", async () => {
    const cwd = await folderWith({ "mine.conf": 'port: -1\nstore_dir: "data"\njetstream {}\n' });
    const server = new Process(["server", "--config", "mine.conf"], { cwd });
    await eventually(() => expect(server.err).toContain("Server is ready"), { withinMs: 30_000 });
    server.signal("SIGHUP");
    await eventually(() => expect(server.err).toContain("Reloaded server configuration"));
    server.signal("SIGTERM");
    expect(await server.ended()).toMatchObject({ code: 0, out: "" });
    expect(server.err).toContain("Server Exiting");
  });

  test("that it refuses ends with its own words and exit code", async () => {
    const cwd = await folderWith({ "mine.conf": "no_such_setting: 1\n" });
    const { code, err } = await floxide(["server", "--config", "mine.conf"], { cwd });
    expect(code).toBe(1);
    expect(err).toContain('unknown field "no_such_setting"');
  });
});

describe("a mistake is one line and an exit code", () => {
  test.each([
    [["list", "--server", "127.0.0.1:1"], 6, "connecting to NATS at 127.0.0.1:1"],
    [["worker", "broken.ts"], 2, "broken.ts cannot be used: line 2, column 19: Unexpected"],
    [
      ["dev", "nothing.ts"],
      2,
      "nothing.ts cannot be used: it exports no workflow, but a (a number)",
    ],
    [["graph", "missing.ts"], 2, "missing.ts cannot be used: Cannot find module"],
    [["graph", "flows.ts"], 2, 'has several workflows: say which of "double", "fussy"'],
    [
      ["graph", "flows.ts", "triple"],
      3,
      'there is no workflow "triple"; there is "double", "fussy"',
    ],
  ])("%j", async (args, code, said) => {
    const cwd = await folderWith({
      "flows.ts": FLOWS,
      "broken.ts": "\nconst a: number = ;\n",
      "nothing.ts": "export const a = 1 as number;\n",
      "missing.ts": 'import "./gone.ts";\n',
    });
    const ended = await floxide(args, { cwd });
    expect(ended).toEqual({ code, out: "", err: expect.stringMatching(ONE_LINE) });
    expect(ended.err).toContain(said);
  });
});

test("graph draws a workflow of a CommonJS TypeScript module", async () => {
  const cwd = await folderWith({ "package.json": "{}", "flows.ts": FLOWS });
  const ended = await floxide(["graph", "flows.ts", "double", "--format", "dot"], { cwd });
  expect(ended).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^digraph/) });
});

test("a reader that goes before the end of the output is no error", async () => {
  const lister = new Process(["--help"]);
  lister.closeOutput();
  expect((await lister.ended()).code).toBe(0);
});
