import { describe, expect, it } from "vitest";
import type { NewDeadLetter } from "../../src/core/records/dead-letter.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { eventOf, ODD_IDS } from "./fixtures.ts";

/** What every backend must do: stream store. */
export function streamStoreTests(open: () => Promise<Opened>): void {
  historyStoreTests(open);
  deadLetterStoreTests(open);
}

function historyStoreTests(open: () => Promise<Opened>): void {
  describe("history store", () => {
    const on = freshForEachTest(open);
    const events = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, i) => eventOf("r", from + i));

    it("gives an empty list for a run that it does not know", async () => {
      expect(await on.backend.history.list("orders", "nobody", 0, 10)).toEqual([]);
    });

    it("gives events back in the order of their numbers, to every backend", async () => {
      const { history } = on.backend;
      await history.append("orders", "r", events(1, 3));
      await history.append("orders", "r", events(4, 5));
      await eventually(async () => {
        expect(await history.list("orders", "r", 0, 100)).toEqual(events(1, 5));
      });
      expect(await (await on.second()).history.list("orders", "r", 0, 100)).toEqual(events(1, 5));
    });

    it("gives an event once although it was appended twice", async () => {
      const { history } = on.backend;
      const other = (await on.second()).history;
      await history.append("orders", "r", events(1, 4));
      await other.append("orders", "r", events(2, 6));
      await history.append("orders", "r", events(1, 6));
      await eventually(async () => {
        expect(await history.list("orders", "r", 0, 100)).toEqual(events(1, 6));
      });
    });

    it("puts events in order that come out of order", async () => {
      const { history } = on.backend;
      await history.append("orders", "r", events(4, 6));
      await history.append("orders", "r", events(1, 3));
      await eventually(async () => {
        expect(await history.list("orders", "r", 0, 100)).toEqual(events(1, 6));
      });
      expect(await history.list("orders", "r", 2, 2)).toEqual(events(3, 4));
    });

    it("goes on after a number, so many at a time", async () => {
      const { history } = on.backend;
      await history.append("orders", "r", events(1, 25));
      await eventually(async () => {
        expect(await history.list("orders", "r", 0, 10)).toEqual(events(1, 10));
      });
      expect(await history.list("orders", "r", 10, 10)).toEqual(events(11, 20));
      expect(await history.list("orders", "r", 20, 10)).toEqual(events(21, 25));
      expect(await history.list("orders", "r", 25, 10)).toEqual([]);
      expect(await history.list("orders", "r", 7, 1)).toEqual(events(8, 8));
    });

    it("takes an empty list of events", async () => {
      await on.backend.history.append("orders", "r", []);
      expect(await on.backend.history.list("orders", "r", 0, 10)).toEqual([]);
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { history } = on.backend;
      await Promise.all(
        ODD_IDS.map((runId, i) =>
          history.append("orders", runId, [{ ...eventOf(runId, 1), node: `n${i}` }]),
        ),
      );
      for (const [i, runId] of ODD_IDS.entries()) {
        await eventually(async () => {
          expect(await history.list("orders", runId, 0, 10)).toEqual([
            { ...eventOf(runId, 1), node: `n${i}` },
          ]);
        });
      }
    });
  });
}

function deadLetterStoreTests(open: () => Promise<Opened>): void {
  describe("dead letter store", () => {
    const on = freshForEachTest(open);
    const letter = (i: number, more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
      code: "validation",
      reason: `it does not fit: ${i}`,
      subject: "floxide.start.orders",
      workflow: "orders",
      runId: i % 2 === 0 ? null : `r${i}`,
      body: `{"broken": ${i}`,
      ...more,
    });

    it("is empty at first", async () => {
      expect(await on.backend.deadLetters.list(10, null)).toEqual([]);
    });

    it("gives letters back newest first, with an id and a time, to every backend", async () => {
      for (let i = 1; i <= 4; i++) await on.backend.deadLetters.add(letter(i));
      for (const { deadLetters } of [on.backend, await on.second()]) {
        const letters = await deadLetters.list(10, null);
        expect(letters).toMatchObject([letter(4), letter(3), letter(2), letter(1)]);
        const ids = letters.map(({ id }) => id);
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => b - a));
        for (const { at } of letters) expect(new Date(at).toISOString()).toBe(at);
      }
    });

    it("pages by the id of the last letter", async () => {
      const { deadLetters } = on.backend;
      for (let i = 1; i <= 7; i++) await deadLetters.add(letter(i));
      const reasons: string[] = [];
      let before: number | null = null;
      for (let page = 0; page < 4; page++) {
        const letters: Awaited<ReturnType<typeof deadLetters.list>> = await deadLetters.list(
          2,
          before,
        );
        reasons.push(...letters.map(({ reason }) => reason));
        before = letters.at(-1)?.id ?? null;
      }
      expect(reasons).toEqual([7, 6, 5, 4, 3, 2, 1].map((i) => letter(i)["reason"]));
      const [oldest] = (await deadLetters.list(10, null)).slice(-1);
      expect(await deadLetters.list(2, oldest?.id ?? 0)).toEqual([]);
    });

    it("keeps letters of every workflow, whatever is in them", async () => {
      const { deadLetters } = on.backend;
      const odd = [
        letter(1, { workflow: "refunds", body: "\u0000 \u001f ☃ 🦀" }),
        letter(2, { workflow: "orders", body: "" }),
        letter(3, { workflow: "no such.workflow *", runId: "a b.*" }),
        letter(4, { body: "x".repeat(64 * 1_024) }),
      ];
      for (const one of odd) await deadLetters.add(one);
      expect(await deadLetters.list(10, null)).toMatchObject([...odd].reverse());
    });
  });
}
