import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import {
  inputHashOf,
  parseStartRequest,
  readStart,
  startBytes,
  startRequestBody,
} from "../../src/core/records/start-request.ts";
import { checkRunId } from "../../src/core/token.ts";

const parse = (body: unknown, fallback = "fallback") =>
  parseStartRequest("orders", typeof body === "string" ? body : JSON.stringify(body), fallback);

describe("start request", () => {
  it("needs an input only", () => {
    expect(parse({ input: { order: 7 } })).toEqual({
      workflow: "orders",
      runId: "fallback",
      input: { order: 7 },
      context: {},
      version: null,
    });
  });

  it("may name run, context and version", () => {
    expect(
      parse({ input: null, runId: "r 1", context: { total: 0, log: [] }, version: 3 }),
    ).toEqual({
      workflow: "orders",
      runId: "r 1",
      input: null,
      context: { total: 0, log: [] },
      version: 3,
    });
  });

  it("reads back what it writes", () => {
    const runId = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" }).filter((id) => {
      try {
        return checkRunId(id) === id;
      } catch {
        return false;
      }
    });
    const key = fc.string().filter((name) => name !== "__proto__");
    const request = fc.record({
      workflow: fc.constant("orders"),
      runId,
      input: fc.jsonValue(),
      context: fc.dictionary(key, fc.jsonValue(), { noNullPrototype: true }),
      version: fc.option(fc.integer({ min: 1, max: 1_000 })),
    });
    fc.assert(
      fc.property(request, (given) => {
        const carried = JSON.parse(JSON.stringify(given)) as Parameters<typeof startRequestBody>[0];
        expect(parse(startRequestBody(carried))).toEqual(carried);
      }),
    );
  });

  it.each([
    ["text that is not JSON", "{", "not JSON"],
    ["nothing at all", "", "not JSON"],
    ["bytes", "\u0000\u0001", "not JSON"],
    ["text", '"go"', "does not fit"],
    ["null", "null", "does not fit"],
    ["a list", "[]", "does not fit"],
    ["no input", {}, "input: is missing"],
    ["a misspelt field", { input: 1, contxt: {} }, "contxt"],
    ["a context that is a list", { input: 1, context: [] }, "context"],
    ["a context that is null", { input: 1, context: null }, "context"],
    ["a run id that is a number", { input: 1, runId: 7 }, "runId"],
    ["a run id that is null", { input: 1, runId: null }, "runId"],
    ["a version that is text", { input: 1, version: "1" }, "version"],
    ["a version of 0", { input: 1, version: 0 }, "version"],
    ["half a version", { input: 1, version: 1.5 }, "version"],
    ["an empty run id", { input: 1, runId: "" }, "run id"],
    ["a run id that is too long", { input: 1, runId: "x".repeat(129) }, "run id"],
    ["half a surrogate pair as a run id", '{"input":1,"runId":"\\ud800"}', "run id"],
  ])("is refused where it is or has %s", (_, body, said) => {
    expect(() => parse(body)).toThrow(
      expect.objectContaining({ code: "validation", message: expect.stringContaining(said) }),
    );
  });

  it("is refused where nothing names the run well", () => {
    expect(() => parse({ input: 1 }, "")).toThrow(expect.objectContaining({ code: "validation" }));
  });

  it("never fails otherwise than by saying why", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          expect(parse(body)).toHaveProperty("input");
        } catch (error) {
          expect(error).toMatchObject({ code: "validation", details: expect.anything() });
        }
      }),
    );
  });

  it("that is refused says so without its payload in the details", () => {
    expect(() => parse({ secret: "hunter2" })).toThrow(
      expect.objectContaining({
        details: expect.not.objectContaining({ body: expect.anything() }),
      }),
    );
  });
});

describe("start request in the queue", () => {
  const raw = {
    workflow: "orders",
    seq: 7,
    acceptedAt: Date.UTC(2026, 0, 1),
    messageId: null,
    body: '{"input":1}',
  };

  it("is of the run that its body names, else of the one that its message id names", () => {
    const named = { ...raw, body: '{"input":1,"runId":"in the body"}', messageId: "id" };
    expect(readStart(named, "floxide").runId).toBe("in the body");
    expect(readStart({ ...raw, messageId: "id" }, "floxide")).toEqual({
      workflow: "orders",
      runId: "id",
      input: 1,
      context: {},
      version: null,
    });
  });

  it("is of a run named by its place, always the same, where nothing else names it", () => {
    const { runId } = readStart(raw, "floxide");
    expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(readStart({ ...raw }, "floxide").runId).toBe(runId);
    expect(Number.parseInt(runId.replace("-", "").slice(0, 12), 16)).toBe(raw.acceptedAt);
  });

  it.each([
    ["position", { ...raw, seq: 8 }, "floxide"],
    ["time", { ...raw, acceptedAt: raw.acceptedAt + 1 }, "floxide"],
    ["namespace", raw, "other"],
  ])("is of another run at another %s", (_, other, namespace) => {
    expect(readStart(other, namespace).runId).not.toBe(readStart(raw, "floxide").runId);
  });

  it("is refused where it does not fit, whoever names it", () => {
    expect(() => readStart({ ...raw, body: "{" }, "floxide")).toThrow("not JSON");
    expect(() => readStart({ ...raw, messageId: "" }, "floxide")).toThrow("run id");
  });
});

describe("hash of a start request", () => {
  const request = {
    workflow: "orders",
    input: { a: 1, b: [2, { c: 3, d: 4 }] },
    context: { x: 1, y: 2 },
  };

  it("does not depend on the order of keys", () => {
    const same = {
      context: { y: 2, x: 1 },
      input: { b: [2, { d: 4, c: 3 }], a: 1 },
      workflow: "orders",
    };
    expect(inputHashOf(same)).toBe(inputHashOf(request));
  });

  it.each([
    ["workflow", { ...request, workflow: "refunds" }],
    ["input", { ...request, input: { a: 1, b: [{ c: 3, d: 4 }, 2] } }],
    ["context", { ...request, context: { x: 1, y: 3 } }],
    ["context", { ...request, context: {} }],
  ])("depends on the %s", (_, other) => {
    expect(inputHashOf(other)).not.toBe(inputHashOf(request));
  });

  it("is that of the request's canonical JSON, whatever was written of it before", () => {
    const large = fc.constantFrom<unknown>("x".repeat(5_000), { b: "y".repeat(5_000), a: 1 }, [
      `"${"z".repeat(5_000)}`,
    ]);
    const context = fc.dictionary(
      fc.oneof(fc.string(), fc.nat().map(String)),
      fc.oneof(fc.jsonValue(), large),
    );
    fc.assert(
      fc.property(fc.jsonValue(), context, (input, fields) => {
        const given = JSON.parse(JSON.stringify({ workflow: "orders", input, context: fields }));
        const hash = createHash("sha256")
          .update(canonicalJson([given.workflow, given.input, given.context]))
          .digest("base64url")
          .slice(0, 22);
        expect(inputHashOf(given)).toBe(hash);
        const { runId, version } = { runId: "r", version: 3 };
        const body = startRequestBody({ ...given, runId, version });
        expect(parse(body)).toEqual({ ...given, runId, version });
        expect(inputHashOf(given)).toBe(hash);
        expect(startBytes(given)).toBe(
          Buffer.byteLength(JSON.stringify(given.input) + JSON.stringify(given.context)),
        );
      }),
    );
  });

  it("is short and can stand in a header", () => {
    expect(inputHashOf(request)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });
});
