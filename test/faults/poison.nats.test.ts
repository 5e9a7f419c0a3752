import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { spareBytesOf, startSizeBytes } from "../../src/engine/spare-bytes.ts";
import {
  abort,
  eventLog,
  hold,
  isFloxideError,
  next,
  node,
  variant,
  variants,
  workflow,
} from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

/** Does what the first letter of its input says: `a`borts, `h`olds for the signal `go`, else goes on. */
const picky = workflow({
  name: "picky",
  version: 1,
  nodes: {
    only: node({
      input: z.string(),
      output: z.string(),
      run: (c, value) => {
        if (value.startsWith("h") && c.wake === null) return hold({ for: "go" });
        return value.startsWith("a") ? abort("no") : next("ok");
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

async function untilHeld(system: LiveSystem, id: string): Promise<void> {
  await eventually(async () =>
    expect(await system.orchestrator.listWorkItems(id)).toMatchObject([{ state: "held" }]),
  );
}

test("repair heals a run beside one whose checkpoint cannot be read", async () => {
  await using system = await LiveSystem.start([picky]);
  const { orchestrator, plain } = system;
  const worker = await system.worker();
  const id = await orchestrator.startRun(picky, "hold");
  const other = await orchestrator.startRun(picky, "hold");
  for (const run of [id, other]) await untilHeld(system, run);
  await worker.stop();
  for (const run of [id, other]) {
    await orchestrator.signal(run, "go");
    await system.backend.queue.dropRun("picky", run);
  }
  await plain.request(`$KV.floxide-context.${other}`, "{not json");
  await system.worker();
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: 1, items: 1 });
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
}, 15_000);

const MAX_PAYLOAD = 65_536;

describe("a system that takes messages of 64 KiB", () => {
  let system: LiveSystem;
  beforeAll(async () => {
    system = await LiveSystem.start([picky], {
      server: { settings: { max_payload: MAX_PAYLOAD } },
    });
    await system.worker();
  });
  afterAll(() => system[Symbol.asyncDispose]());

  /** What becomes of a held run that is as large as a run may be. */
  async function useHeld(id: string, cancels: boolean): Promise<string> {
    const { orchestrator } = system;
    await untilHeld(system, id);
    await orchestrator.pause(id);
    await orchestrator.resume(id);
    const isRefused = await orchestrator
      .signal(id, "go")
      .then(() => false)
      .catch((error: unknown) => isFloxideError(error, "payload_too_large"));
    if (!isRefused && !cancels) return "completed";
    await orchestrator.cancel(id).catch(() => {});
    return isRefused ? "cancelled" : orchestrator.status(id);
  }

  test.each(["abort", "hold", "next"] as const)(
    "refuses an input at the door or brings its run to an end, where the node answers %s",
    async (does) => {
      const { orchestrator, backend } = system;
      const most = backend.maxValueBytes;
      const limit = most - spareBytesOf(most) - startSizeBytes({ input: "", context: {} });
      for (const length of [most - 100, limit + 1, limit, limit - 1, limit - 500, limit - 1_500]) {
        const input = does.padEnd(length, ".");
        const id = await orchestrator.startRun(picky, input).catch((error: unknown) => {
          if (isFloxideError(error, "payload_too_large")) return null;
          throw error;
        });
        expect(id === null).toBe(length > limit);
        if (id === null) continue;
        const expected = {
          abort: "failed",
          hold: does === "hold" ? await useHeld(id, length % 2 === 0) : "",
          next: "completed",
        }[does];
        const { status } = await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
        expect(status).toBe(expected);
      }
    },
    20_000,
  );
});

test("a run that outgrows what can be stored fails and says so", async () => {
  const Notes = { notes: eventLog<string>() };
  const growing = workflow({
    name: "growing",
    version: 1,
    context: Notes,
    nodes: {
      grow: node({
        context: Notes,
        input: z.number(),
        output: variants({ again: z.number(), done: z.number() }),
        run: (c, n) => {
          c.notes.append("x".repeat(4_000));
          return next(variant("again", n + 1));
        },
      }),
    },
    start: "grow",
    edges: { grow: { on: { again: ["grow"], done: [] } } },
  });
  const server = { settings: { max_payload: MAX_PAYLOAD } };
  await using system = await LiveSystem.start([growing], { server });
  const { orchestrator } = system;
  await system.worker();
  const id = await orchestrator.startRun(growing, 0);
  const ended = await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
  expect(ended).toMatchObject({ status: "failed", failure: { kind: "payload_too_large" } });
  expect((await orchestrator.metrics(id)).completed).toBeGreaterThan(8);
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 20_000);

test("a work item that names a revision that never was is judged on what is stored", async () => {
  await using system = await LiveSystem.start([picky]);
  const { orchestrator, plain, backend } = system;
  const worker = await system.worker();
  const held = await orchestrator.startRun(picky, "hold");
  const released = await orchestrator.startRun(picky, "hold");
  for (const id of [held, released]) await untilHeld(system, id);
  await worker.stop();
  // An item that wants to run and has no other message.
  await orchestrator.signal(released, "go");
  await backend.queue.dropRun("picky", released);
  const { fingerprint } = picky;
  for (const runId of [held, released]) {
    const item = { v: 1, runId, item: 1, turn: 2, revision: 1_000_000, version: 1, fingerprint };
    await plain.request(`floxide.work.picky.${runId}.1`, JSON.stringify(item));
  }
  await system.worker();
  await orchestrator.waitForCompletion(released, { timeoutMs: 12_000 });
  expect(await orchestrator.metrics(released)).toMatchObject({ completed: 1, lost: 0 });
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 12_000 });
  expect(await orchestrator.status(held)).toBe("running");
}, 30_000);

test("what nobody can read becomes a dead letter, and workers go on", async () => {
  const server = { settings: { max_payload: MAX_PAYLOAD } };
  await using system = await LiveSystem.start([picky], { server });
  const { orchestrator, plain, backend } = system;
  const worker = await system.worker();
  const id = await orchestrator.startRun(picky, "hold");
  await untilHeld(system, id);
  const { fingerprint } = picky;
  const item = { v: 1, runId: id, item: 1, turn: 0, revision: 1, version: 1, fingerprint };
  const work = ["", "{not json", "null", "[]", '"text"', "{}", "\u0000\ufffd"];
  const wrongWork = [{ ...item, item: 0 }, { ...item, item: "1" }, { ...item, runId: 7 }, { v: 1 }];
  const starts: [string, string][] = [
    ["validation", ""],
    ["validation", "{not json"],
    ["validation", "null"],
    ["validation", "[1]"],
    ["validation", "{}"],
    ["validation", JSON.stringify({ input: "next", inptu: 1 })],
    ["validation", JSON.stringify({ input: 17 })],
    ["validation", JSON.stringify({ input: "next", context: { unknown: 1 } })],
    ["validation", JSON.stringify({ input: "next", context: [] })],
    ["validation", JSON.stringify({ input: "next", runId: "" })],
    ["validation", JSON.stringify({ input: "next", runId: "x".repeat(129) })],
    ["validation", JSON.stringify({ input: "next", version: 0 })],
    [
      "payload_too_large",
      JSON.stringify({ input: "next".padEnd(backend.maxValueBytes - 50, ".") }),
    ],
  ];
  const whole = JSON.stringify({ input: "next", more: "" });
  starts.push(["validation", whole.replace('""', `"${"x".repeat(MAX_PAYLOAD - whole.length)}"`)]);
  for (const [, body] of starts) await plain.request("floxide.start.picky", body);
  for (const body of [...work, ...wrongWork.map((one) => JSON.stringify(one))]) {
    await plain.request(`floxide.work.picky.${id}.1`, body);
  }
  // Work of a run that nobody knows is not an error: its run may be over for long.
  await plain.request("floxide.work.picky.nobody.1", JSON.stringify({ ...item, runId: "nobody" }));
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
  const letters = await orchestrator.deadLetters({ limit: 100 });
  const codes = letters.filter(({ subject }) => subject === "floxide.start.picky");
  // A worker buries several at a time: their order is no promise.
  expect(codes.map(({ code }) => code).sort()).toEqual(starts.map(([code]) => code).sort());
  const ofWork = letters.filter(({ subject }) => subject.startsWith("floxide.work."));
  expect(ofWork.map(({ code }) => code)).toEqual(
    Array(work.length + wrongWork.length).fill("validation"),
  );
  expect(letters).toHaveLength(codes.length + ofWork.length);
  expect(worker.health().running).toBe(0);
  expect((await orchestrator.listRuns()).items.map(({ runId }) => runId)).toEqual([id]);
  await orchestrator.signal(id, "go");
  expect(await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 })).toMatchObject({
    status: "completed",
  });
  expect(await orchestrator.metrics(id)).toMatchObject({ completed: 1, failed: 0, lost: 0 });
}, 30_000);
