import { describe, expect, test } from "vitest";
import { serviceWith } from "../service/system.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain, flaky } from "../support/flows.ts";
import { type Ended, Shell } from "./fake-io.ts";

const RUN_COMMANDS = [
  ...["status", "wait", "result", "cancel", "pause", "resume"],
  ...["errors", "metrics", "context", "history", "pending", "items"],
];

/** Text that is one line. */
const ONE_LINE = /^[^\n]+\n$/;

async function held(): Promise<Shell> {
  const shell = new Shell();
  await shell.work(approval);
  await shell.run("start", "approval", '{"timeoutMs":null}', "--run-id", "r1");
  await eventually(async () => {
    expect(await shell.json("items", "r1")).toMatchObject({ items: [{ state: "held" }] });
  });
  return shell;
}

describe("start", () => {
  test("prints the run id, and says which road the request took", async () => {
    const shell = new Shell();
    const { code, out, err } = await shell.run("start", "chain", "1");
    expect(code).toBe(0);
    expect(out).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(err).toContain("published unchecked, as no orchestrator service runs");
    expect(await shell.json("status", out.trim())).toMatchObject({ status: "running" });
  });

  test("waits, shows the run and ends with 0 where it completed", async () => {
    const shell = new Shell();
    await shell.work(chain(2));
    const { code, out } = await shell.run("start", "chain", "1", "--wait", "--run-id", "r1");
    expect(code).toBe(0);
    expect(out).toMatch(/status {4}completed\n(.*\n)*output {4}3\n/);
  });

  test("ends with 1 where the run failed, also of input that nobody checked before", async () => {
    const shell = new Shell();
    await shell.work(chain(2), flaky);
    const failed = await shell.run("start", "flaky", '{"failures":9}', "--wait");
    expect(failed).toMatchObject({ code: 1, out: expect.stringContaining("attempt 4 fails") });
    const misfit = await shell.run("start", "chain", '"x"', "--wait");
    expect(misfit).toMatchObject({ code: 1, out: expect.stringContaining("does not fit") });
  });

  test("goes through the service where one answers", async () => {
    const asked: unknown[] = [];
    const shell = new Shell({
      ask: async (verb, request) => {
        asked.push([verb, request]);
        return { runId: "r1" };
      },
    });
    const context = '{"notes":["a"]}';
    expect(
      await shell.json("start", "chain", "[1]", "--run-id", "r1", "--context", context),
    ).toEqual({ runId: "r1", road: "service" });
    expect(asked).toEqual([
      ["start.chain", { workflow: "chain", runId: "r1", input: [1], context: { notes: ["a"] } }],
    ]);
  });

  test.each([
    ["validation", 2],
    ["not_found", 3],
    ["conflict", 4],
    ["internal", 6],
  ])("hands on what the service refuses: %s is exit code %d", async (code, exit) => {
    const error = { code, message: "no", details: {} };
    const shell = new Shell({ ask: async () => ({ error }) });
    const ended = await shell.run("start", "chain", "1");
    expect(ended).toEqual({ code: exit, out: "", err: "floxide: no\n" });
  });

  test("names the workflows of a service that knows another one, and the other ways", async () => {
    const { ask } = await serviceWith([chain(2), flaky], { worker: false });
    const { code, out, err } = await new Shell({ ask }).run("start", "text", "1");
    expect({ code, out, err }).toEqual({
      code: 3,
      out: "",
      err: 'floxide: the orchestrator service knows no workflow "text" (it has "chain", "flaky"): give the module with --module, or publish to floxide.start.text\n',
    });
  });

  test("says that the run was started where it cannot be waited for, and prints its id", async () => {
    const shell = new Shell({
      ask: async (verb) =>
        verb === "wait"
          ? { error: { code: "backend", message: "the verb is not for you", details: {} } }
          : { runId: "r1" },
    });
    const start = ["start", "chain", "1", "--run-id", "r1", "--wait", "--through-api"];
    expect(await shell.run(...start, "--quiet")).toEqual({
      code: 6,
      out: "r1\n",
      err: 'floxide: run "r1" was started; waiting for it failed: the verb is not for you\n',
    });
  });

  test("says why it gives up on a run that no worker has taken", async () => {
    const { code, err } = await new Shell().run(
      ...["start", "chain", "1", "--wait", "--timeout", "5ms", "--quiet"],
    );
    expect(code).toBe(5);
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain("it goes on; no worker has taken its start request yet: see floxide");
  });

  test("reads input from the standard input and from a file", async () => {
    const shell = new Shell({ stdin: '{"a":1}' });
    expect((await shell.run("start", "chain", "-")).code).toBe(0);
    expect((await shell.run("start", "chain", "@package.json")).code).toBe(0);
  });

  test.each([
    [
      ["start", "chain", "hello"],
      "the input is not JSON: .*text goes in double quotes: '\"hello\"'",
    ],
    [
      ["start", "chain", "@nowhere.json"],
      "cannot be read from nowhere.json: there is no such file",
    ],
    [["start", "chain", "1", "--context", "[]"], "the context must be a JSON object"],
    [["start", "chain", "-", "--context", "-"], "cannot both come from the standard input"],
    [["start", "no.name", "1"], '"no.name" is no name of a workflow'],
    [["start", "chain", "1", "--run-id", ""], "the run id must be 1 to 128 bytes"],
    [
      ["start", "chain", "1", "--module", "gone.ts"],
      "gone.ts cannot be used: there is no such file",
    ],
    [["start"], "missing required argument 'workflow'"],
    [["start", "chain", "1", "2"], "too many arguments"],
    [["start", "chain", "--wiat"], "unknown option '--wiat' \\(Did you mean --wait\\?\\)"],
    [["start", "chain", "--wait", "--timeout", "soon"], "Give a duration such as 500ms"],
    [["list", "--status", "done"], "Allowed choices are running, paused"],
    [["list", "--limit", "0"], "Give a whole number, 1 to 1000"],
    [["list", "--cursor", "x"], "no cursor"],
    [["signal", "r1", "approval", "{"], "the payload is not JSON"],
    [["lits"], "unknown command 'lits' \\(Did you mean list\\?\\)"],
    [["permissions", "observer", "--workflow", "a"], "only starter and worker can be of some"],
    [["list", "--server", "a, ,b"], '"a,,b" is no server'],
    [["server", "--config", "x", "--port", "1"], "'--config <file>' cannot be used with"],
    [["server", "--config", "x", "--store-dir", "y"], "'--config <file>' cannot be used with"],
    [["dev", "flows.ts", "--server", "x"], "dev starts a server of its own"],
  ])("refuses %j in one line, with exit code 2", async (args, said) => {
    const { code, out, err } = await new Shell().run(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(ONE_LINE);
    expect(err).toMatch(new RegExp(`^floxide: .*${said}`));
  });
});

describe("every command about a run", () => {
  test.each(RUN_COMMANDS)("%s ends with 3 where there is none", async (name) => {
    const ended = await new Shell().run(name, "nobody");
    expect(ended).toEqual({ code: 3, out: "", err: 'floxide: there is no run "nobody"\n' });
  });

  test.each(RUN_COMMANDS)("%s gives its error as JSON where that is wanted", async (name) => {
    const { code, out, err } = await new Shell().run(name, "nobody", "--json");
    expect({ code, out }).toEqual({ code: 3, out: "" });
    expect(JSON.parse(err)).toEqual({
      error: {
        code: "not_found",
        message: 'there is no run "nobody"',
        details: { runId: "nobody" },
      },
    });
  });
});

describe("a run that holds", () => {
  test("is seen, signalled and read", async () => {
    const shell = await held();
    const items = await shell.run("items", "r1");
    expect(items.out).toMatch(/NODE +STATE +ATTEMPT +WAITS FOR/);
    expect(items.out).toMatch(/ask +held +1 +approval/);
    expect((await shell.run("pending", "r1")).out).toMatch(/taken +yes/);
    const payload = '{"by":"Ann","ok":true}';
    expect(await shell.run("signal", "r1", "approval", payload)).toMatchObject({
      code: 0,
      out: 'run r1: signal "approval" sent\n',
    });
    expect(await shell.run("wait", "r1", "--timeout", "5s")).toMatchObject({ code: 0 });
    expect((await shell.run("result", "r1")).out).toBe('"approved by Ann"\n');
    expect(await shell.json("result", "r1", "--all")).toEqual({ outputs: ["approved by Ann"] });
    expect((await shell.run("context", "r1")).out).toContain("asked");
    expect((await shell.run("history", "r1")).out).toContain("run.completed");
    expect((await shell.run("metrics", "r1")).out).toMatch(/NODE +COMPLETED/);
  });

  test("is paused, resumed and cancelled; what it does not allow ends with 4", async () => {
    const shell = await held();
    expect((await shell.run("pause", "r1")).out).toBe("run r1: paused\n");
    expect((await shell.run("resume", "r1")).out).toBe("run r1: goes on\n");
    expect(await shell.run("resume", "r1")).toMatchObject({
      code: 4,
      err: expect.stringMatching(ONE_LINE),
    });
    expect(await shell.run("result", "r1")).toMatchObject({ code: 4 });
    expect((await shell.run("cancel", "r1")).out).toBe("run r1: cancelled\n");
    expect(await shell.run("signal", "r1", "approval")).toMatchObject({ code: 4 });
    expect(await shell.run("wait", "r1")).toMatchObject({ code: 1 });
    expect(await shell.run("result", "r1")).toMatchObject({
      code: 1,
      err: 'floxide: run "r1" was cancelled\n',
    });
    expect(await shell.run("status", "r1")).toMatchObject({ code: 0 });
  });

  test("is waited for only so long: exit code 5", async () => {
    const shell = await held();
    expect(await shell.run("wait", "r1", "--timeout", "5ms")).toEqual({
      code: 5,
      out: "",
      err: 'floxide: run "r1" has not ended within 5 ms; it goes on\n',
    });
    expect((await shell.run("status", "r1")).out).not.toContain("taken");
  });

  test("keeps its id: another request for it ends with 4", async () => {
    const shell = await held();
    const other = ["start", "approval", '{"timeoutMs":5}', "--run-id", "r1"];
    expect(await shell.run(...other)).toMatchObject({ code: 4 });
    const same = ["start", "approval", '{"timeoutMs":null}', "--run-id", "r1"];
    expect(await shell.run(...same)).toMatchObject({ code: 0 });
  });
});

describe("a run that failed", () => {
  test("says of what, and where", async () => {
    const shell = new Shell();
    await shell.work(flaky);
    await shell.run("start", "flaky", '{"failures":9}', "--wait", "--run-id", "r1");
    const { out } = await shell.run("errors", "r1", "--limit", "2");
    expect(out.trimEnd().split("\n")).toHaveLength(3);
    expect(out).toMatch(/work +1 +4 +error +no +attempt 4 fails/);
    expect(await shell.run("result", "r1")).toMatchObject({
      code: 1,
      err: 'floxide: run "r1" failed in node "work": attempt 4 fails\n',
    });
  });
});

describe("lists", () => {
  test("show runs page by page", async () => {
    const shell = new Shell();
    for (const id of ["a", "b", "c"]) await shell.run("start", "chain", "1", "--run-id", id);
    const first = await shell.run("list", "--limit", "2", "--status", "running");
    expect(first.out.trimEnd().split("\n")).toHaveLength(3);
    const [, cursor = ""] = /--cursor (\S+)/.exec(first.err) ?? [];
    const second = await shell.run("list", "--limit", "2", "--cursor", cursor);
    expect(second.out.trimEnd().split("\n")).toHaveLength(2);
    expect(await shell.json("list", "--since", "1h", "--workflow", "chain")).toMatchObject({
      items: [{}, {}, {}],
      cursor: null,
    });
    expect(await shell.json("list", "--until", "1h")).toEqual({ items: [], cursor: null });
  });

  test("show what waits in the queue", async () => {
    const shell = new Shell();
    await shell.run("start", "chain", "1", "--run-id", "r1");
    expect((await shell.run("pending")).out).toMatch(/chain +1 +0 +0/);
    expect((await shell.run("pending", "r1")).out).toContain("not yet: no worker has taken");
    expect((await shell.run("status", "r1")).out).toMatch(/\ntaken +not yet\n/);
  });

  test("show workers, and judge them by a threshold", async () => {
    const shell = new Shell();
    await shell.work(chain(1));
    expect((await shell.run("workers")).out).toMatch(/w1 +alive +idle +0\/16/);
    const { liveness } = shell.world.open();
    const [known] = await liveness.list();
    if (known === undefined) throw new Error("no worker is listed");
    const at = new Date(Date.now() - 40_000).toISOString();
    await liveness.put(() => ({ ...known, workerId: "w2", nextMs: 5_000, at }));
    const judged = (...more: string[]) => shell.json("workers", ...more);
    expect(await judged()).toMatchObject({ workers: [{}, { liveness: "stale" }] });
    expect(await judged("--threshold", "1m")).toMatchObject({
      workers: [{}, { liveness: "alive" }],
    });
    expect(await judged("--threshold", "0s")).toMatchObject({
      workers: [
        { workerId: "w1", liveness: "alive" },
        { workerId: "w2", liveness: "dead" },
      ],
    });
  });

  test("show dead letters", async () => {
    const shell = new Shell();
    const letter = { code: "validation", reason: "no\ngood", subject: "s", workflow: "chain" };
    await shell.world.open().deadLetters.add({ ...letter, runId: null, body: "?" });
    expect((await shell.run("dead-letters")).out).toMatch(/chain +- +validation +no good/);
    await shell.world.open().deadLetters.add({ ...letter, runId: null, body: '{"runId":"r-7"}' });
    await shell.world.open().deadLetters.add({ ...letter, runId: null, body: "null" });
    await shell.world.open().deadLetters.add({ ...letter, runId: "r-8", body: '{"runId":"r-7"}' });
    const { out } = await shell.run("dead-letters", "--limit", "3");
    const runs = out.split("\n").map((line) => /chain +(.*?) +validation/.exec(line)?.[1]);
    expect(runs.filter((run) => run !== undefined)).toEqual(["r-8", "-", "says r-7"]);
    expect((await shell.run("dead-letters", "--before", "1")).err).toBe("no dead letters\n");
  });

  test("that are empty say so to people, and nothing where quiet is wanted", async () => {
    const shell = new Shell();
    expect(await shell.run("list")).toEqual({ code: 0, out: "", err: "no runs\n" });
    expect(await shell.run("list", "--quiet")).toEqual({ code: 0, out: "", err: "" });
  });

  test("fit the terminal", async () => {
    const shell = new Shell({ columns: 60 });
    await shell.run("start", "a".repeat(60), "1", "--run-id", "r1");
    for (const line of (await shell.run("list")).out.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(60);
    }
  });
});

describe("repair", () => {
  /** Two runs that nobody has taken, whose start requests are gone. */
  async function lost(columns: number | null = null): Promise<Shell> {
    const shell = new Shell({ columns });
    const { queue } = shell.world.open();
    for (const runId of ["r1", "r2"]) await shell.run("start", "chain", "1", "--run-id", runId);
    for (const runId of ["r1", "r2"]) await shell.run("pause", runId);
    for (const { seq } of await queue.startsWaiting(10)) await queue.drop(seq);
    return shell;
  }

  test("says what it looked at", async () => {
    const { code, out, err } = await new Shell().run("repair", "--quiet-for", "0s");
    expect({ code, err }).toEqual({ code: 0, err: "nothing to mend\n" });
    expect(out).toMatch(/looked +0\n/);
  });

  test("shows each run that was mended, and how", async () => {
    const shell = await lost(100);
    const { code, out } = await shell.run("repair", "--restored");
    expect(code).toBe(0);
    expect(out).toMatch(/looked +2\n/);
    expect(out).toMatch(/lost +2\n/);
    expect(out).toMatch(/RUN +WORKFLOW +WHAT +ITEMS +MEANS\n/);
    expect(out).toMatch(/r1 +chain +lost +0 +nothing is left of it/);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    expect(await shell.json("status", "r2")).toMatchObject({
      status: "failed",
      failure: { kind: "lost" },
    });
  });

  test("gives one document, and looks at one run where it is named", async () => {
    const shell = await lost();
    expect(await shell.json("repair", "r2", "--restored")).toEqual({
      ...{ looked: 1, runs: 0, items: 0, starts: 0, projections: 1, restored: 0, lost: 1 },
      unreadable: 0,
      found: [{ runId: "r2", workflow: "chain", what: "lost", items: 0, refiled: true }],
    });
    expect(await shell.json("status", "r1")).toMatchObject({ status: "paused" });
    expect(await shell.run("repair", "nobody")).toMatchObject({ code: 3, out: "" });
  });
});

test("colors are for terminals only", async () => {
  const start = (shell: Shell): Promise<Ended> => shell.run("start", "chain", "1");
  const colored = new Shell({ columns: 100, colors: true });
  await start(colored);
  expect((await colored.run("list")).out).toContain("\u001b[36mrunning\u001b[39m");
  const plain = new Shell();
  await start(plain);
  expect((await plain.run("list")).out).not.toContain("\u001b");
});

describe("help", () => {
  const names = async (): Promise<string[]> => {
    const { out } = await new Shell().run("--help");
    return [...out.matchAll(/^ {2}([a-z][a-z-]*) .*$/gm)].map(([, name = ""]) => name);
  };

  test("names all commands and exit codes", async () => {
    const { code, out } = await new Shell().run("--help");
    expect(code).toBe(0);
    expect(out).toMatch(/Exit codes:\n {2}0 {3}ok/);
    expect(await names()).toEqual(
      expect.arrayContaining([
        ...["dev", "worker", "orchestrator", "server", "start", "signal", "list", "workers"],
        ...["dead-letters", "repair", "graph", ...RUN_COMMANDS],
      ]),
    );
  });

  test("shows for every command how it is done", async () => {
    for (const name of (await names()).filter((one) => one !== "help")) {
      const { code, out } = await new Shell().run(name, "--help");
      expect({
        name,
        code,
        hasExamples: out.includes("Examples:\n  $ floxide") || out.includes("| floxide"),
      }).toEqual({
        name,
        code: 0,
        hasExamples: true,
      });
    }
  });

  test("comes with exit code 2 where there is no command", async () => {
    const { code, out, err } = await new Shell().run();
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: floxide");
  });

  test("version is the package's", async () => {
    expect(await new Shell().run("--version")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("where NATS is", () => {
  const servers = async (shell: Shell, ...args: readonly string[]) => {
    await shell.run("list", ...args);
    return shell.opened.at(-1);
  };

  test("comes from the option, else the environment, else is this machine", async () => {
    const env = { FLOXIDE_SERVER: "a:1", NATS_URL: "b:2", FLOXIDE_NAMESPACE: "ns" };
    expect(await servers(new Shell({ env }), "--server", "c:3,d:4")).toMatchObject({
      servers: ["c:3", "d:4"],
      namespace: "ns",
    });
    expect(await servers(new Shell({ env }))).toMatchObject({ servers: ["a:1"] });
    expect(await servers(new Shell({ env: { NATS_URL: "b:2" } }))).toMatchObject({
      servers: ["b:2"],
    });
    expect(await servers(new Shell())).toMatchObject({
      servers: ["127.0.0.1:4222"],
      namespace: "floxide",
    });
  });

  test("may carry user and password, or a token", async () => {
    expect(await servers(new Shell(), "--server", "nats://ann:p%40ss@h:1")).toMatchObject({
      servers: ["nats://h:1"],
      user: "ann",
      pass: "p@ss",
    });
    expect(await servers(new Shell(), "--server", "s3cret@h:1")).toMatchObject({
      servers: ["h:1"],
      token: "s3cret",
    });
    const env = { FLOXIDE_SERVER: "nats://ann:x@h:1" };
    expect(await servers(new Shell({ env }), "--user", "bob", "--pass", "y")).toMatchObject({
      user: "bob",
      pass: "y",
    });
  });

  test("and cannot be reached: exit code 6", async () => {
    expect(await new Shell().run("list", "--server", "nowhere:1")).toEqual({
      code: 6,
      out: "",
      err: "floxide: connecting to NATS at nowhere:1: it cannot be reached\n",
    });
  });
});

describe("a bug", () => {
  const broken = () =>
    new Shell({
      ask: async () => {
        throw new TypeError("x is not a function");
      },
    });

  test("ends with 70, in one line", async () => {
    const { code, err } = await broken().run("start", "chain", "1");
    expect(code).toBe(70);
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain("this is a bug in floxide: TypeError: x is not a function");
  });

  test("shows its stack where debugging is wanted", async () => {
    const { err } = await broken().run("start", "chain", "1", "--log-level", "debug");
    expect(err).toMatch(/\n {4}at /);
  });
});

test("an id that would steer the terminal is shown as what it is, also in words beside the answer", async () => {
  const shell = new Shell();
  const { out, err } = await shell.run("start", "chain", "1", "--run-id", "\u001b[2J");
  expect(err).toContain("run \\u001b[2J: ");
  expect(out + err).not.toContain("\u001b");
});
