import { describe, expect, test } from "vitest";
import { partitionOf } from "../../src/core/partition-of.ts";
import { chain } from "../support/flows.ts";
import { Shell, type ShellOptions } from "./fake-io.ts";

const ENV = { FLOXIDE_PARTITIONS: "3" };

/** Namespace of the run's partition. */
const placeOf = (runId: string): string => `floxide-${partitionOf(runId, 3)}`;

/** A place to type at before a system of three partitions, with runs of these ids. */
async function system(ids: readonly string[], options: ShellOptions = {}): Promise<Shell> {
  const shell = new Shell({ env: ENV, ...options });
  for (const id of ids) await shell.run("start", "chain", "1", "--run-id", id);
  return shell;
}

const IDS = ["a", "b", "c", "d", "e", "f", "g"];

describe("with partitions", () => {
  test("a run is started and found in the partition that its id says", async () => {
    const shell = await system(IDS);
    expect(new Set(IDS.map(placeOf)).size).toBe(3);
    expect(shell.opened.map(({ namespace }) => namespace)).toEqual(IDS.map(placeOf));
    for (const id of IDS) {
      const { contexts, runs } = shell.partition(placeOf(id)).open();
      expect(await contexts.get(id)).toBeNull();
      expect(await runs.get(id)).toMatchObject({ status: "running" });
      expect(await shell.json("status", id)).toMatchObject({ runId: id, status: "running" });
    }
    const { out } = await shell.run("status", "a");
    expect(out).toMatch(new RegExp(`partition +${placeOf("a")}\n`));
    expect(await shell.run("status", "nobody")).toMatchObject({ code: 3 });
  });

  test.each([
    ...["status", "wait", "result", "cancel", "pause", "resume", "signal", "repair"],
    ...["errors", "metrics", "context", "history", "pending", "items"],
  ])("%s of a run works on its partition", async (command) => {
    const shell = await system([]);
    const { code } = await shell.run(
      command,
      "order-4711",
      ...(command === "signal" ? ["go"] : []),
    );
    expect(code).toBe(3);
    expect(shell.opened.map(({ namespace }) => namespace)).toEqual([placeOf("order-4711")]);
  });

  test("a run is started, steered and read where workers of all partitions work", async () => {
    const shell = await system([]);
    for (const partition of [0, 1, 2])
      await shell.workIn(shell.partition(`floxide-${partition}`), chain(2));
    for (const id of IDS) {
      const started = await shell.run("start", "chain", "1", "--run-id", id, "--wait");
      expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/output +3\n/) });
    }
    const { out, err } = await shell.run("workers");
    expect(err).toBe("");
    expect((await shell.run("workers", "--partitions", "4")).err).toBe(
      "no live worker in partition 3\n",
    );
    expect(out).toMatch(/WORKER +PARTITION +LIVENESS/);
    expect(out.trimEnd().split("\n")).toHaveLength(4);
    expect(await shell.json("workers")).toMatchObject({
      workers: [{ partition: 0 }, { partition: 1 }, { partition: 2 }],
    });
  });

  test("lists are of all of them, page by page", async () => {
    const shell = await system(IDS);
    const first = await shell.run("list", "--limit", "4", "--json");
    const { items, cursor } = JSON.parse(first.out) as { items: object[]; cursor: string };
    expect(items).toHaveLength(4);
    const rest = await shell.json("list", "--limit", "4", "--cursor", cursor);
    expect(rest).toMatchObject({ items: [{}, {}, {}], cursor: null });
    const shown = [...items, ...(rest as { items: object[] }).items] as { runId: string }[];
    expect(shown.map(({ runId }) => runId).toSorted()).toEqual(IDS);
    expect((await shell.run("pending")).out).toMatch(/chain +7 +0 +0/);
  });

  test("dead letters are of all of them, with their partition", async () => {
    const shell = await system([]);
    const letter = { code: "validation", reason: "no good", subject: "s", workflow: "chain" };
    for (const partition of [0, 2, 2]) {
      const { deadLetters } = shell.partition(`floxide-${partition}`).open();
      await deadLetters.add({ ...letter, runId: null, body: "?" });
    }
    const first = await shell.run("dead-letters", "--limit", "2");
    expect(first.out).toMatch(/PARTITION +ID +WHEN/);
    const [, cursor = ""] = /--cursor (\S+)/.exec(first.err) ?? [];
    expect(await shell.json("dead-letters", "--cursor", cursor)).toMatchObject({
      letters: [{ code: "validation" }],
      cursor: null,
    });
    expect(await shell.run("dead-letters", "--before", "2")).toMatchObject({
      code: 2,
      err: "floxide: over partitions it is --cursor, not --before\n",
    });
  });

  test("repair looks at all of them", async () => {
    const shell = await system(IDS);
    for (const partition of [0, 1, 2]) {
      const { queue } = shell.partition(`floxide-${partition}`).open();
      for (const { seq } of await queue.startsWaiting(10)) await queue.drop(seq);
    }
    expect(await shell.json("repair", "--restored")).toMatchObject({ looked: 7, lost: 7 });
  });

  test("services of all partitions are asked what is about all of them", async () => {
    const asked: unknown[] = [];
    const report = { looked: 2, runs: 1, items: 1, starts: 0, projections: 0 };
    const shell = await system([], {
      env: { ...ENV, FLOXIDE_THROUGH_API: "1" },
      ask: async (verb, _request, _ms, namespace) => {
        asked.push([verb, namespace]);
        const found = { restored: 0, lost: 0, unreadable: 0 };
        return verb === "list" ? { items: [], cursor: null } : { ...report, ...found };
      },
    });
    expect(await shell.json("list")).toEqual({ items: [], cursor: null });
    expect(await shell.json("repair")).toMatchObject({ looked: 6, runs: 3 });
    const all = ["floxide-0", "floxide-1", "floxide-2"];
    expect(asked).toEqual([
      ...all.map((namespace) => ["list", namespace]),
      ...all.map((namespace) => ["repair", namespace]),
    ]);
  });

  test.each([
    [
      ["worker", "x.ts", "--partitions", "2", "--workers", "2"],
      /--workers is for a system without/,
    ],
    [["worker", "x.ts", "--serve", "1"], /--serve is for a system with --partitions/],
    [["orchestrator", "--serve", "1"], /--serve is for a system with --partitions/],
    [["worker", "x.ts", "--partitions", "2", "--serve", "one"], /Give a whole number/],
    [["dead-letters", "--cursor", "x"], /without --partitions it is --before/],
    [["start", "chain", "1", "--timeout", "5s"], /--timeout goes with --wait/],
    [["list", "--partitions", "0"], /Give a whole number, 1 to 1000/],
    [["list", "--partitions", "2", "--cursor", "x"], /no cursor of a listing over 2 partitions/],
  ])("%j is refused", async (args, said) => {
    const { code, err } = await new Shell({ cwd: import.meta.dirname }).run(
      ...args.map((arg) => (arg === "x.ts" ? "../support/flows.ts" : arg)),
    );
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(said) });
    const wrong = await new Shell({ env: { FLOXIDE_PARTITIONS: "many" } }).run("list");
    expect(wrong).toMatchObject({
      code: 2,
      err: expect.stringContaining('FLOXIDE_PARTITIONS is "many"'),
    });
  });
});
