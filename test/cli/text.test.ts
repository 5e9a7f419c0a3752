import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { forPeople, loggerTo } from "../../src/cli/log.ts";
import { sampleOf } from "../../src/cli/sample.ts";
import { oneLine, printable, printableJson, widthOf } from "../../src/cli/text/printable.ts";
import { block, table } from "../../src/cli/text/table.ts";
import { duration, readDuration, readTime, relative } from "../../src/cli/text/time.ts";

const NOW = Date.parse("2026-07-01T12:00:00Z");

interface Row {
  readonly id: string;
  readonly count: number;
  readonly text: string;
}
const columns = [
  { title: "ID", cell: ({ id }: Row) => id },
  { title: "COUNT", cell: ({ count }: Row) => String(count), align: "right" as const },
  { title: "TEXT", cell: ({ text }: Row) => text, gives: true },
];

describe("a table", () => {
  test("aligns words at the left and numbers at the right", () => {
    const rows = [
      { id: "a", count: 7, text: "x" },
      { id: "long", count: 1234, text: "" },
    ];
    expect(table(columns, rows, { width: null, colors: false })).toBe(
      ["ID    COUNT  TEXT", "a         7  x", "long   1234", ""].join("\n"),
    );
  });

  test("cuts what may be cut, and nothing else", () => {
    const rows = [{ id: "0123456789", count: 1, text: "a sentence that is far too long" }];
    const lines = table(columns, rows, { width: 30, colors: false }).split("\n");
    expect(lines[1]).toBe("0123456789      1  a sentence…");
  });

  test("is as wide as it must be where nothing more may be cut", () => {
    const rows = [{ id: "0123456789", count: 1, text: "text" }];
    expect(table(columns, rows, { width: 5, colors: false })).toContain("0123456789");
  });

  test("is as aligned with colors as without", () => {
    const rows = [{ id: "a", count: 7, text: "x" }];
    const green = columns.map((column) => ({ ...column, style: () => "green" as const }));
    const plain = table(columns, rows, { width: null, colors: false });
    const colored = table(green, rows, { width: null, colors: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: codes of colors
    expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(plain);
    expect(colored).toContain("\u001b[32ma\u001b[39m");
  });

  test("fits into its width, whatever stands in columns that give", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 24, max: 120 }), (text, width) => {
        const rows = [{ id: "a", count: 1, text }];
        const lines = table(columns, rows, { width, colors: false }).split("\n");
        return lines.length === 3 && lines.every((line) => widthOf(line) <= width);
      }),
    );
  });
});

test("a block stands names and values below each other", () => {
  expect(
    block(
      [
        ["run", "r1"],
        ["workflow", "order"],
      ],
      false,
    ),
  ).toBe("run       r1\nworkflow  order\n");
});

describe("text of users", () => {
  test("cannot steer the terminal", () => {
    expect(printable("a\u001b[2Jb\nc\u009bd\u202ee")).toBe("a\\u001b[2Jb\\nc\\u009bd\\u202ee");
    const value = { "a\u009b": ["\u001b[2J\n\u202e", 1] };
    for (const indent of [0, 2]) {
      const json = printableJson(value, indent);
      expect(JSON.parse(json)).toEqual(value);
      expect(json).toMatch(/^[ -~\n]+$/);
    }
  });

  test("becomes one line", () => {
    expect(oneLine('workflow "x" cannot be used:\n- no end\n- no start')).toBe(
      'workflow "x" cannot be used: no end; no start',
    );
  });
});

describe("times", () => {
  test.each([
    [0, "0ms"],
    [850, "850ms"],
    [4_240, "4.2s"],
    [42_000, "42s"],
    [200_000, "3m 20s"],
    [3_600_000, "1h"],
    [18_060_000, "5h 1m"],
    [1_047_600_000, "12d 3h"],
  ])("says %d ms as %s", (ms, said) => {
    expect(duration(ms)).toBe(said);
  });

  test.each([
    [0, "just now"],
    [-12_000, "12s ago"],
    [-180_000, "3m ago"],
    [-7_200_000, "2h ago"],
    [-5 * 86_400_000, "5d ago"],
    [300_000, "in 5m"],
  ])("says a time %d ms from now as %s", (ms, said) => {
    expect(relative(new Date(NOW + ms).toISOString(), NOW)).toBe(said);
  });

  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
    ["10", 10_000],
  ])("reads the duration %s", (text, ms) => {
    expect(readDuration(text)).toBe(ms);
  });

  test.each(["", "soon", "-5s", "5 weeks", "1e3s"])("refuses the duration %j", (text) => {
    expect(() => readDuration(text)).toThrow("such as 500ms");
  });

  test("reads a time, or how long ago", () => {
    expect(readTime("2h", NOW)).toBe("2026-07-01T10:00:00.000Z");
    expect(readTime("2026-06-30T12:00:00+02:00", NOW)).toBe("2026-06-30T10:00:00.000Z");
    expect(() => readTime("yesterday", NOW)).toThrow("how long ago");
  });
});

describe("a log line", () => {
  const at = '"time":1782907200000,"level":40';

  test("for people has time, level, message and fields", () => {
    expect(forPeople(`{${at},"msg":"lost","runId":"r1","items":[1]}`, false, false)).toBe(
      "12:00:00.000 warn  lost runId=r1 items=[1]\n",
    );
  });

  test("shows a stack only where it was asked for", () => {
    const line = `{${at},"msg":"no","err":{"message":"why","stack":"Error: why\\n  at x"}}`;
    expect(forPeople(line, false, false)).toBe("12:00:00.000 warn  no: why\n");
    expect(forPeople(line, false, true)).toContain("  at x");
  });

  test("for machines is pino's, down to the level", () => {
    const lines: string[] = [];
    const write = (text: string): void => {
      lines.push(text);
    };
    const log = loggerTo({ write, columns: null, colors: false }, "warn", "json");
    log.info({}, "quiet");
    log.warn({ runId: "r1" }, "loud");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ msg: "loud", runId: "r1" }]);
  });
});

test("a sample of an input fits its schema", () => {
  const schema = {
    type: "object",
    required: ["sku", "count", "tags", "kind"],
    properties: {
      sku: { type: "string" },
      count: { type: "integer", minimum: 5 },
      tags: { type: "array", items: { type: "boolean" } },
      kind: { anyOf: [{ const: "a" }, { const: "b" }] },
      note: { type: "string" },
    },
  };
  expect(sampleOf(schema)).toEqual({ sku: "text", count: 5, tags: [true], kind: "a" });
  expect(sampleOf(null)).toBeNull();
});
