import { describe, expect, it } from "vitest";
import { FatalError, FloxideError, isFloxideError, RetryLater } from "../../src/core/errors.ts";

import { toFailure } from "../../src/core/failure.ts";
import { RunFailedError } from "../../src/core/run-failed-error.ts";

describe("errors", () => {
  it("carry a code, details and a cause", () => {
    const cause = new Error("below");
    const error = new FloxideError("conflict", "somebody else was first", {
      details: { runId: "r" },
      cause,
    });
    expect(error).toMatchObject({
      name: "FloxideError",
      code: "conflict",
      details: { runId: "r" },
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  it("have empty details and no cause where none is given", () => {
    const error = new FloxideError("timeout", "too long");
    expect(error.details).toEqual({});
    expect("cause" in error).toBe(false);
  });

  it("are known by their code, also those of another copy of the package", () => {
    const foreign = Object.assign(new Error("e"), { code: "timeout", details: {} });
    expect(isFloxideError(foreign)).toBe(true);
    expect(isFloxideError(foreign, "timeout")).toBe(true);
    expect(isFloxideError(foreign, "conflict")).toBe(false);
    expect(isFloxideError(new FloxideError("conflict", "e"), "conflict")).toBe(true);
  });

  it("are not taken for others that carry a code", () => {
    expect(isFloxideError(Object.assign(new Error("e"), { code: "ENOENT" }))).toBe(false);
    expect(isFloxideError({ code: "timeout", details: {} })).toBe(false);
    expect(isFloxideError(new Error("e"))).toBe(false);
    expect(isFloxideError(null)).toBe(false);
  });

  it("of a run that failed carry what the run recorded", () => {
    const failure = toFailure(new Error("e"), { node: "n", item: 1, attempt: 1, now: 0 });
    const error = new RunFailedError("run failed", { runId: "r" }, failure);
    expect(error).toMatchObject({
      name: "RunFailedError",
      code: "failed",
      failure,
      details: { runId: "r" },
    });
    expect(isFloxideError(error, "failed")).toBe(true);
  });

  it("of node authors are no errors of floxide", () => {
    expect(new FatalError("no")).toMatchObject({ name: "FatalError", message: "no" });
    expect(isFloxideError(new FatalError("no"))).toBe(false);
  });

  it("that ask for another try say when and why", () => {
    const cause = new Error("503");
    expect(new RetryLater({ afterMs: 5 })).toMatchObject({
      name: "RetryLater",
      afterMs: 5,
      message: "asked to be tried again after 5 ms",
    });
    expect(new RetryLater({ afterMs: 5, reason: "busy", cause })).toMatchObject({
      message: "busy",
      cause,
    });
  });
});
