import { describe, expect, test } from "vitest";
import { serviceWith } from "../service/system.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain } from "../support/flows.ts";
import { Shell } from "./fake-io.ts";

const NOT_TAKEN =
  /^floxide: run "r1" has not ended .*; no worker has taken its start request yet: see floxide dead-letters and floxide pending\n$/;

/** A command line whose own stores are empty, before a service that has runs. */
async function serving(...ids: readonly string[]) {
  const { ask, orchestrator } = await serviceWith([chain(2), approval]);
  for (const runId of ids) await orchestrator.startRun("chain", 1, { runId });
  for (const runId of ids) await orchestrator.waitForCompletion(runId);
  const shell = new Shell({ env: { FLOXIDE_THROUGH_API: "1" }, ask });
  return { shell, orchestrator };
}

describe("through the API", () => {
  test.each([
    [["status", "r1"], { runId: "r1", status: "completed", output: 3 }],
    [["wait", "r1"], { runId: "r1", status: "completed" }],
    [["result", "r1"], { output: 3 }],
    [["result", "r1", "--all"], { outputs: [3] }],
    [["context", "r1"], { context: {} }],
    [["errors", "r1"], { errors: [] }],
    [["metrics", "r1"], { runId: "r1", completed: 2 }],
    [["history", "r1", "--limit", "1"], { events: [{ kind: "run.started" }] }],
    [["pending", "r1"], { runId: "r1", items: [] }],
    [["pending"], { backlog: expect.any(Array) }],
    [["items", "r1"], { items: [] }],
    [["list", "--workflow", "chain"], { items: [{ runId: "r1" }] }],
    [["workers"], { workers: [{ status: "idle" }] }],
    [["dead-letters"], { letters: [] }],
  ])("%j says what the service knows", async (args, said) => {
    const { shell } = await serving("r1");
    await eventually(async () => expect(await shell.json(...args)).toMatchObject(said));
  });

  test("what the service refuses ends as it does without", async () => {
    const { shell, orchestrator } = await serving();
    expect(await shell.run("status", "nobody")).toMatchObject({ code: 3 });
    await orchestrator.startRun("approval", { timeoutMs: null }, { runId: "held" });
    expect(await shell.run("result", "held")).toMatchObject({ code: 4 });
    const { code, err } = await shell.run("wait", "held", "--timeout", "50ms");
    expect({ code, err }).toEqual({
      code: 5,
      err: 'floxide: run "held" has not ended within 50 ms\n',
    });
  });

  test("waits on where one request is not enough", async () => {
    const asked: unknown[] = [];
    const shell = new Shell({
      ask: async (verb, request) => {
        asked.push([verb, request]);
        if (asked.length < 3) return { error: { code: "timeout", message: "later", details: {} } };
        return { runId: "r", workflow: "w", version: 1, status: "cancelled", createdAt: "" };
      },
    });
    expect(await shell.run("wait", "r", "--through-api", "--json")).toMatchObject({ code: 1 });
    expect(asked).toEqual(Array(3).fill(["wait", { runId: "r", timeoutMs: 30_000 }]));
  });

  test("repairs what the service repairs", async () => {
    const { shell } = await serving("r1");
    const { code, out, err } = await shell.run("repair");
    expect({ code, err }).toEqual({ code: 0, err: "nothing to mend\n" });
    expect(out).toMatch(/looked +\d+\nruns +0\n/);
    expect(await shell.json("repair")).toMatchObject({ looked: expect.any(Number), lost: 0 });
  });

  test.each([
    [["--restored"], "--restored"],
    [["--quiet-for", "0s"], "--quiet-for"],
    [["r1"], "<runId>"],
  ])("refuses repair %j, which the service has no word for", async (args, what) => {
    const shell = new Shell({ ask: () => Promise.reject(new Error("asked")) });
    expect(await shell.run("repair", "--through-api", ...args)).toEqual({
      code: 2,
      out: "",
      err: `floxide: repair ${what} works on JetStream itself: use a user of the role orchestrator, without --through-api\n`,
    });
  });

  test("says it where no worker has taken what is waited for", async () => {
    const { ask, orchestrator } = await serviceWith([chain(2)], { worker: false });
    await orchestrator.startRun("chain", 1, { runId: "r1" });
    const { code, err } = await new Shell({ ask }).run(
      ...["wait", "r1", "--timeout", "20ms", "--through-api"],
    );
    expect(code).toBe(5);
    expect(err).toMatch(NOT_TAKEN);
  });

  test("says that no service runs", async () => {
    const { code, err } = await new Shell().run("list", "--through-api");
    expect(code).toBe(6);
    expect(err).toMatch(
      /^floxide: no orchestrator service answers for namespace "floxide": start one.*\n$/,
    );
  });
});
