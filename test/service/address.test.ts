import { expect, test } from "vitest";
import { addressOf, withWorkflow } from "../../src/service/address.ts";
import { chain } from "../support/flows.ts";
import { serviceWith } from "./system.ts";

test.each([
  ["start", { verb: "start", workflow: null }],
  ["start.order", { verb: "start", workflow: "order" }],
  ["start.a.b", { verb: "start.a.b", workflow: null }],
  ["status.order", { verb: "status.order", workflow: null }],
  ["", { verb: "", workflow: null }],
])("the subject %j says %j", (tail, address) => {
  expect(addressOf(tail)).toEqual(address);
});

test("what is no object stays as it is, for the verb to refuse", () => {
  const address = addressOf("start.order");
  for (const request of [null, "x", 1]) expect(withWorkflow(request, address)).toBe(request);
});

test("a run is started of the workflow that the subject says, and of no other", async () => {
  const { ask } = await serviceWith([chain(1, "one"), chain(1, "two")]);
  expect(await ask("start.one", { input: 1, runId: "r1" })).toEqual({ runId: "r1" });
  expect(await ask("start.one", { workflow: "one", input: 1, runId: "r2" })).toEqual({
    runId: "r2",
  });
  expect(await ask("start.one", { workflow: "two", input: 1 })).toMatchObject({
    error: { code: "validation", details: { workflow: "one" } },
  });
  expect(await ask("start.three", { input: 1 })).toMatchObject({ error: { code: "not_found" } });
  expect(await ask("start.one", { input: "x" })).toMatchObject({ error: { code: "validation" } });
  for (const runId of ["r1", "r2"]) {
    expect(await ask("status", { runId })).toMatchObject({ workflow: "one" });
  }
});
