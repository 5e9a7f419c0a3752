import { describe, expect, test } from "vitest";
import { partitionOf } from "../../src/index.ts";
import { pageAt, section } from "../docs/pages.ts";

describe("docs/wire.md", () => {
  const page = pageAt("docs/wire.md");

  test("shows the partitions that ids have", () => {
    const [shown] = page.fences.filter(({ label }) => label === "partitions");
    const places = Object.entries(JSON.parse(shown?.code ?? "{}") as Record<string, number>);
    expect(places).toHaveLength(4);
    for (const [runId, partition] of places) expect(partitionOf(runId, 4), runId).toBe(partition);
  });
});

describe("docs/scaling.md", () => {
  const tables = tablesOf(section(pageAt("docs/scaling.md"), "A million nodes a second"));
  const [inputs, ratios, results, kept] = tables.map((rows) => new Map(rows));

  /** Numbers of a row, by the first words of its first cell. */
  function row(table: Map<string, string[]> | undefined, name: string): number[] {
    const [, cells = []] = [...(table ?? [])].find(([first]) => first.startsWith(name)) ?? [];
    expect(cells, name).not.toHaveLength(0);
    return cells.map(toNumber).filter((value) => !Number.isNaN(value));
  }
  const input = (name: string): number => row(inputs, `\`${name}\``).at(-1) ?? Number.NaN;
  const ratio = (name: string, mode: number): number => row(ratios, `\`${name}\``)[mode] ?? 0;
  const result = (name: string, mode: number): number => row(results, name)[mode] ?? Number.NaN;

  test.each([
    ["one copy", 0],
    ["three copies", 1],
    ["one copy, always", 2],
  ])("computes what it takes from its inputs: %s", (_name, mode) => {
    const nodes = input("nodes");
    const load = input("load");
    const copies = ratio("copies", mode);
    const leader = input("leader") * ratio("rate", mode) * load;
    const partitions = upwards((nodes * input("commits")) / leader);
    const cores = (nodes * input("server") * ratio("cpu", mode)) / load / 1e6;
    const servers = upwards(cores / input("cores"));
    const gigabytes = (nodes * input("bytes")) / 1e9;
    const computed: [string, number][] = [
      ["partitions", partitions],
      ["worker processes", upwards((nodes * input("worker")) / load / 1e6)],
      ["client processes", upwards(nodes / input("perRun") / (input("starts") * load))],
      ["server cores", upwards(cores)],
      ["servers", servers],
      ["from workers", gigabytes],
      ["between servers", gigabytes * (copies - 1)],
      ["written to disks", gigabytes * copies],
      ["written by one server", Math.round((gigabytes * copies * 1_000) / servers)],
      ["streams", 9 * partitions],
    ];
    for (const [name, value] of computed) expect(result(name, mode), name).toBeCloseTo(value, 6);
    if (mode === 2) expect(row(results, "syncs")).toEqual([Math.round(nodes / servers)]);
  });

  test.each([
    ["7 days", 0, 7 * 24 * 3_600],
    ["1 hour", 1, 3_600],
  ])("computes what is kept from its inputs: %s", (_name, column, seconds) => {
    const ended = (input("nodes") / input("perRun")) * seconds;
    const history = input("nodes") * input("history") * seconds;
    const shown = (name: string): number => row(kept, name)[column] ?? Number.NaN;
    expect(shown("ended runs")).toBe(ended);
    expect(shown("their checkpoints")).toBeCloseTo((ended * input("run")) / 1e12, 1);
    expect(shown("history")).toBeCloseTo(history / 1e12, 1);
    expect(shown("ended runs of one")).toBe(Math.round(ended / result("partitions", 0)));
  });
});

/** Rounded up, but for what floating point adds. */
const upwards = (value: number): number => Math.ceil(value - 1e-9);

const toNumber = (cell: string): number =>
  /^[\d,.]+$/.test(cell) ? Number(cell.replaceAll(",", "")) : Number.NaN;

/** The tables of a text: their rows, without heads, by their first cells. */
function tablesOf(text: string): [string, string[]][][] {
  return [...text.matchAll(/^\|[-|]+\|\n((?:\|.*\n)+)/gm)].map(([, rows = ""]) =>
    rows
      .trim()
      .split("\n")
      .map((line) => {
        const [first = "", ...cells] = line
          .slice(1, -1)
          .split("|")
          .map((cell) => cell.trim());
        return [first, cells];
      }),
  );
}
