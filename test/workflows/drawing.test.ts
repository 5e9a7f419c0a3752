import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  batch,
  nested,
  next,
  node,
  toDot,
  toMermaid,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";
import { count, double, show, sum } from "./nodes.ts";

const choose = node({
  input: z.number(),
  output: variants({ 'more "or" less': z.number(), none: z.string() }),
  description: 'says "which"',
  run: () => next(variant("none", "x")),
});
const inner = workflow({
  name: "inner",
  version: 1,
  nodes: { double },
  start: "double",
  edges: { double: [] },
});
const drawn = workflow({
  name: "drawn",
  version: 1,
  nodes: {
    count,
    inner: nested(inner),
    choose,
    many: batch(double, { size: 2 }),
    sum,
    show,
    failed: show,
  },
  start: "count",
  edges: {
    count: ["inner"],
    inner: { next: ["choose"], onError: ["failed"] },
    choose: { on: { 'more "or" less': { join: "many" }, none: [] } },
    many: ["sum"],
    sum: ["show"],
    show: [],
    failed: [],
  },
});

describe("a drawing", () => {
  test("is a Mermaid flowchart", () => {
    expect(toMermaid(drawn)).toMatchInlineSnapshot(`
      "flowchart TD
        begin((start)) --> n0
        n0[/"count"\\]
        n1[["inner"]]
        n2["choose"]
        n3[["many"]]
        n4["sum"]
        n5["show"]
        n6["failed"]
        n0 --> n1
        n1 --> n2
        n1 -.->|"on error"| n6
        n2 ==>|"more #34;or#34; less, join"| n3
        n2 -->|"none"| finish
        n3 --> n4
        n4 --> n5
        n5 --> finish
        n6 --> finish
        finish(((end)))
      "
    `);
  });

  test("is a DOT graph", () => {
    expect(toDot(drawn)).toMatchInlineSnapshot(`
      "digraph "drawn" {
        rankdir=TB;
        node [shape=box, style=rounded, fontname="sans-serif"];
        edge [fontname="sans-serif"];
        "(start)" [shape=circle, label="start"];
        "(end)" [shape=doublecircle, label="end"];
        "count" [shape=trapezium, style=solid];
        "inner" [shape=component, style=solid];
        "choose" [tooltip="says \\"which\\""];
        "many" [shape=box3d, style=solid];
        "sum";
        "show";
        "failed";
        "(start)" -> "count";
        "count" -> "inner";
        "inner" -> "choose";
        "inner" -> "failed" [style=dashed, label="on error"];
        "choose" -> "many" [style=bold, label="more \\"or\\" less, join"];
        "choose" -> "(end)" [label="none"];
        "many" -> "sum";
        "sum" -> "show";
        "show" -> "(end)";
        "failed" -> "(end)";
      }
      "
    `);
  });
});
