import { expect, test } from "vitest";
import type { Change } from "../../src/core/checkpoint/change.ts";
import { type Checkpoint, newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { ContextStore, ValueStore } from "../../src/core/ports/stores.ts";
import { Outside, WIDTHS } from "../../src/engine/outside.ts";
import { RunSession } from "../../src/engine/session.ts";
import { gate } from "../support/gate.ts";

const KNOWN = {
  runId: "r",
  workflow: "w",
  version: 1,
  fingerprint: "f",
  inputHash: "h",
  startSeq: 1,
  context: {},
};
const UNBEGUN = newCheckpoint({ ...KNOWN, createdAt: 0 }, 0);
const START: Change = { ...KNOWN, type: "start", node: "n", input: null };

const signal = (id: string): Change => ({ type: "signal", id, name: "go", payload: null });

function sessionOn(store: Partial<ContextStore>, spareBytes = 0): RunSession {
  let commits = 0;
  return new RunSession("r", {
    store: store as ContextStore,
    clock: systemClock,
    by: "worker",
    spareBytes,
    outside: new Outside({} as ValueStore, 1_000_000, WIDTHS, () => "key"),
    newCommit: () => `commit ${++commits}`,
  });
}

test("a run that is known to have changed is not taken from a store that lags behind", async () => {
  const paused: Checkpoint = { ...UNBEGUN, started: true, status: "paused" };
  const running: Checkpoint = { ...paused, status: "running" };
  const session = sessionOn({
    // Whoever asks for no more than the lagging server has gets its answer.
    get: async (_runId, atLeast = 0) =>
      atLeast > 5 ? { checkpoint: paused, revision: 9 } : { checkpoint: running, revision: 5 },
  });
  await session.load(5);
  expect(session.known).toMatchObject({ revision: 5, checkpoint: { status: "running" } });
  session.invalidate(9);
  expect(session.fresh).toBe(false);
  await session.reload();
  expect(session.fresh).toBe(true);
  expect(session.known).toMatchObject({ revision: 9, checkpoint: { status: "paused" } });
});

test("news of a revision that is known already are no reason to look again", async () => {
  const session = sessionOn({ get: async () => ({ checkpoint: UNBEGUN, revision: 5 }) });
  await session.load(0);
  session.invalidate(5);
  expect(session.fresh).toBe(true);
});

test("what comes to be known during a write goes out with the next one", async () => {
  const stored: Checkpoint[] = [UNBEGUN];
  const [writing, go] = [gate(), gate()];
  const session = sessionOn({
    get: async () => ({ checkpoint: UNBEGUN, revision: 1 }),
    update: async (checkpoint) => {
      stored.push(checkpoint);
      if (stored.length === 3) {
        writing.open();
        await go.promise;
      }
      return stored.length;
    },
  });
  await session.commit(START);
  const committing = session.commit(signal("one"));
  await writing.promise;
  session.later({ type: "history-kept", upTo: 1 });
  go.open();
  await committing;
  await session.commit(signal("two"));
  const numbers = stored.map(({ history }) => history.events.map(([number]) => number));
  expect(numbers).toEqual([[], [1], [1, 2], [2, 3]]);
});

test("the answer to a write that comes after a newer read does not set back what is known", async () => {
  const [writing, go] = [gate(), gate()];
  const newer: Checkpoint = { ...UNBEGUN, started: true, status: "paused" };
  const session = sessionOn({
    get: async (_runId, atLeast = 0) =>
      atLeast > 2 ? { checkpoint: newer, revision: 3 } : { checkpoint: UNBEGUN, revision: 1 },
    update: async () => {
      writing.open();
      await go.promise;
      return 2;
    },
  });
  const committing = session.commit(START);
  await writing.promise;
  await session.load(3);
  go.open();
  await committing;
  expect(session.known).toEqual({ checkpoint: newer, revision: 3 });
});

test("what may grow is written with spare bytes left free, a command is not", async () => {
  const spares: (number | undefined)[] = [];
  const store: Partial<ContextStore> = {
    get: async () => ({ checkpoint: UNBEGUN, revision: 1 }),
    update: async (_checkpoint, revision, spare) => {
      spares.push(spare);
      return revision + 1;
    },
  };
  const session = sessionOn(store, 100);
  await session.commit(START);
  await session.commit(signal("one"));
  await session.commit({ type: "pause" });
  await session.commit({ type: "cancel" });
  expect(spares).toEqual([100, 100, 0, 0]);
});
