import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Checkpoint, CheckpointSchema } from "../../src/core/checkpoint/checkpoint.ts";
import { StoredCheckpointSchema, toStoredText } from "../../src/core/checkpoint/stored-form.ts";
import {
  asPatch,
  follow,
  type StoredPatch,
  toPatchText,
} from "../../src/core/checkpoint/stored-patch.ts";
import { FailureSchema } from "../../src/core/failure.ts";
import { DeadLetterSchema } from "../../src/core/records/dead-letter.ts";
import { HistoryEventSchema } from "../../src/core/records/history-event.ts";
import { HeartbeatSchema } from "../../src/core/records/liveness.ts";
import { RunMetricsSchema } from "../../src/core/records/metrics.ts";
import { RunErrorSchema } from "../../src/core/records/run-error.ts";
import { RunInfoSchema } from "../../src/core/records/run-info.ts";
import { parseStartRequest } from "../../src/core/records/start-request.ts";
import { WorkMessageSchema } from "../../src/core/records/work-message.ts";
import { fromToken, toToken } from "../../src/core/token.ts";
import { namesOf } from "../../src/jetstream/names.ts";
import { ERROR_NUMBERS } from "../../src/service/error-reply.ts";
import { VERB_NAMES, VERBS } from "../../src/service/verbs.ts";
import { pageAt, section } from "./pages.ts";

const page = pageAt("docs/wire.md");

/** The JSON of the block with that label. */
function shown(label: string): unknown {
  const fences = page.fences.filter((fence) => fence.language === "json" && fence.label === label);
  expect(fences, label).toHaveLength(1);
  return JSON.parse(fences[0]?.code ?? "");
}

describe("the records", () => {
  test.each([
    ["run-info", RunInfoSchema],
    ["failure", FailureSchema],
    ["run-error", RunErrorSchema],
    ["metrics", RunMetricsSchema],
    ["history", z.array(HistoryEventSchema)],
    ["heartbeat", HeartbeatSchema],
    ["dead-letter", DeadLetterSchema],
    ["work-message", WorkMessageSchema],
  ] as const)("%s is one", (label, schema) => {
    expect(schema.parse(shown(label))).toEqual(shown(label));
  });

  test("checkpoint is one, as it is stored", () => {
    const { data, error } = StoredCheckpointSchema.safeParse(shown("checkpoint"));
    expect(error).toBeUndefined();
    expect(JSON.parse(toStoredText(data as Checkpoint))).toEqual(shown("checkpoint"));
  });

  test("a patch leads from the checkpoint that is shown to the next", () => {
    const { data: before } = StoredCheckpointSchema.safeParse(shown("checkpoint"));
    const patch = asPatch(shown("patch"));
    expect(before?.commit).toBe(patch?.follows);
    const after = follow(before as Checkpoint, patch as StoredPatch);
    expect(after).toMatchObject({ commit: "a42b8c6c7505-10", context: { checks: 2 } });
    const text = toPatchText(before as Checkpoint, after as Checkpoint, patch?.whole ?? 0);
    expect(JSON.parse(text)).toEqual(shown("patch"));
  });

  test("show every field", () => {
    const objects = [
      FailureSchema,
      RunErrorSchema,
      RunMetricsSchema,
      HistoryEventSchema,
      HeartbeatSchema,
      DeadLetterSchema,
      CheckpointSchema,
      WorkMessageSchema,
      ...RunInfoSchema.options,
    ];
    for (const { shape } of objects) {
      for (const field of Object.keys(shape)) {
        expect(page.text, field).toMatch(new RegExp(`["\`]${field}["\`]`));
      }
    }
  });

  test("name every kind of failure", () => {
    for (const kind of FailureSchema.shape.kind.options) {
      expect(section(page, "Failure")).toContain(`\`${kind}\``);
    }
  });
});

describe("a start request", () => {
  test("is read as the page shows it", () => {
    expect(parseStartRequest("order", JSON.stringify(shown("start-request")), "other")).toEqual({
      workflow: "order",
      runId: "order-4711",
      input: { sku: "A-1" },
      context: { tenant: "north" },
      version: 1,
    });
  });

  test("needs an input and nothing else", () => {
    expect(parseStartRequest("order", '{"input":null}', "the-message-id")).toMatchObject({
      runId: "the-message-id",
      context: {},
      version: null,
    });
    expect(() => parseStartRequest("order", '{"input":1,"Context":{}}', "id")).toThrow(/Context/);
  });
});

test("ids have the tokens that the table says", () => {
  const rows = [...section(page, "Names and tokens").matchAll(/^\| `(.+?)` \| `(.+?)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(4);
  for (const [, id = "", token = ""] of rows) {
    expect(toToken(id)).toBe(token);
    expect(fromToken(token)).toBe(id);
  }
});

test("every name is on the page", () => {
  const names = namesOf("<ns>");
  const made = [
    names.workStream,
    names.historyStream,
    names.deadStream,
    names.start("<workflow>"),
    names.work("<workflow>", "RUN", "*"),
    names.sched("<workflow>", "RUN", "*", "*"),
    names.history("<workflow>", "RUN"),
    names.control("RUN"),
    names.api("<verb>"),
    names.dead("TOKEN"),
    names.consumerFilter("work", "<workflow>"),
    names.consumer("start", "<workflow>"),
    names.consumer("work", "<workflow>"),
    ...(["context", "values", "runs", "metrics", "errors", "liveness"] as const).map(names.bucket),
  ];
  for (const name of made) {
    const written = name
      .replace("RUN", "<run token>")
      .replace("TOKEN", "<workflow token>")
      .replace(/\*\.\*$/, "<item>.<turn>")
      .replace(/\*$/, "<item>");
    expect(page.text).toContain(`\`${written}\``);
  }
});

describe("the API", () => {
  const verbs = section(page, "The API: requests and replies");

  test.each(VERB_NAMES)("%s takes the request that the page shows", (verb) => {
    const row = new RegExp(`^\\| \`${verb}\` \\| \`(\\{.*?\\})\``, "m").exec(verbs);
    expect(row, verb).not.toBeNull();
    expect(() => VERBS[verb].request.parse(JSON.parse(row?.[1] ?? ""))).not.toThrow();
  });

  test("has no other verbs", () => {
    const rows = [...verbs.matchAll(/^\| `([\w-]+)` \| `\{/gm)].map(([, verb]) => verb);
    expect(rows.sort()).toEqual([...VERB_NAMES].sort());
  });

  test("answers with the codes and numbers of the table", () => {
    const rows = [...verbs.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)];
    const table = Object.fromEntries(rows.map(([, code, number]) => [code, Number(number)]));
    expect(table).toEqual(ERROR_NUMBERS);
  });

  test("refuses what it does not know", () => {
    expect(() => VERBS.status.request.parse({ runId: "a", runid: "a" })).toThrow();
  });
});
