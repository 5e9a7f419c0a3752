import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { toStoredText } from "../../src/core/checkpoint/stored-form.ts";
import type { CheckpointPage } from "../../src/core/ports/stores.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { checkpointOf, ODD_IDS } from "./fixtures.ts";

/** What every context store must do. */
export function contextStoreTests(open: () => Promise<Opened>): void {
  describe("context store", () => {
    const on = freshForEachTest(open);

    it("gives null for a run that it does not know", async () => {
      expect(await on.backend.contexts.get("nobody")).toBeNull();
    });

    it("gives back what was created, with its revision", async () => {
      const { contexts } = on.backend;
      const checkpoint = checkpointOf("r", { context: { list: [1, { deep: null }], text: "☃" } });
      const revision = await contexts.create(checkpoint);
      expect(revision).toBeGreaterThan(0);
      expect(await contexts.get("r")).toEqual({ checkpoint, revision });
    });

    it("gives all checkpoints page by page, in the order of their last writes", async () => {
      const { contexts } = on.backend;
      for (const runId of ODD_IDS) await contexts.create(checkpointOf(runId));
      const [first, gone] = ODD_IDS;
      const revision = (await contexts.get(first))?.revision ?? 0;
      const newest = await contexts.update(checkpointOf(first, { commit: "2" }), revision);
      await contexts.remove(gone);
      const found: string[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const { views, unreadable, next }: CheckpointPage = await contexts.page(after, 7);
        expect(views.length).toBeLessThanOrEqual(7);
        expect(unreadable).toEqual([]);
        for (const { checkpoint } of views) found.push(checkpoint.runId);
        after = next;
      }
      expect(found).toEqual([...ODD_IDS.slice(2), first]);
      expect(await contexts.get(first)).toMatchObject({ revision: newest });
    });

    it("gives many checkpoints at once, and tells those that cannot be read from those that there are not", async () => {
      const { contexts } = on.backend;
      for (const runId of ODD_IDS) await contexts.create(checkpointOf(runId));
      const [first, gone] = ODD_IDS;
      const { revision = 0 } = (await contexts.get(first)) ?? {};
      const newest = await contexts.update(checkpointOf(first, { commit: "2" }), revision);
      await contexts.remove(gone);
      await contexts.create({
        ...checkpointOf("broken"),
        status: "asleep",
      } as unknown as Checkpoint);
      const { views, unreadable, rest } = await contexts.getMany([...ODD_IDS, "nobody", "broken"]);
      const found = new Map(views.map((view) => [view.checkpoint.runId, view]));
      expect([...found.keys()].sort()).toEqual(ODD_IDS.filter((id) => id !== gone).sort());
      expect(found.get(first)).toMatchObject({ revision: newest, checkpoint: { commit: "2" } });
      expect(unreadable).toEqual(["broken"]);
      expect(rest).toEqual([]);
      expect(await contexts.getMany([])).toEqual({ views: [], unreadable: [], rest: [] });
    });

    it("gives all of many large checkpoints, in as many answers as it takes", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const ids = Array.from({ length: 20 }, (_, i) => `r-${i}`);
      const text = "x".repeat(maxValueBytes - 10_000);
      for (const runId of ids) await contexts.create(checkpointOf(runId, { context: { text } }));
      const found: string[] = [];
      for (let asked = ["nobody", ...ids]; asked.length > 0; ) {
        const { views, rest } = await contexts.getMany(asked);
        found.push(...views.map(({ checkpoint: { runId } }) => runId));
        expect(rest.length).toBeLessThan(asked.length);
        asked = [...rest];
      }
      expect(found.sort()).toEqual(ids.sort());
    });

    it("knows its newest revision, whatever became of the entry", async () => {
      const { contexts } = on.backend;
      expect(await contexts.newestRevision()).toBe(0);
      const first = (await contexts.create(checkpointOf("r"))) ?? 0;
      expect(await contexts.newestRevision()).toBe(first);
      const second = (await contexts.create(checkpointOf("s"))) ?? 0;
      await contexts.remove("s");
      expect(await contexts.newestRevision()).toBeGreaterThanOrEqual(second);
    });

    it("creates a run once", async () => {
      const { contexts } = on.backend;
      const revision = await contexts.create(checkpointOf("r"));
      expect(await contexts.create(checkpointOf("r", { inputHash: "other" }))).toBeNull();
      expect(await contexts.get("r")).toEqual({ checkpoint: checkpointOf("r"), revision });
    });

    it("lets one of many creators win", async () => {
      const stores = [on.backend.contexts, (await on.second()).contexts];
      const revisions = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          stores[i % 2]?.create(checkpointOf("r", { commit: String(i) })),
        ),
      );
      const winners = revisions.flatMap((revision, i) =>
        revision === null ? [] : [{ revision, i }],
      );
      expect(winners).toHaveLength(1);
      const stored = await on.backend.contexts.get("r", winners[0]?.revision ?? 0);
      expect(stored?.checkpoint.commit).toBe(String(winners[0]?.i));
    });

    it("writes the next revision where the newest is named", async () => {
      const { contexts } = on.backend;
      const first = (await contexts.create(checkpointOf("r"))) ?? 0;
      const second = (await contexts.update(checkpointOf("r", { commit: "2" }), first)) ?? 0;
      const third = (await contexts.update(checkpointOf("r", { commit: "3" }), second)) ?? 0;
      expect(second).toBeGreaterThan(first);
      expect(third).toBeGreaterThan(second);
      expect(await contexts.get("r", third)).toEqual({
        checkpoint: checkpointOf("r", { commit: "3" }),
        revision: third,
      });
    });

    it("writes nothing where the revision is not the newest", async () => {
      const { contexts } = on.backend;
      const first = (await contexts.create(checkpointOf("r"))) ?? 0;
      const second = (await contexts.update(checkpointOf("r", { commit: "2" }), first)) ?? 0;
      expect(await contexts.update(checkpointOf("r", { commit: "stale" }), first)).toBeNull();
      expect(
        await contexts.update(checkpointOf("r", { commit: "ahead" }), second + 1_000),
      ).toBeNull();
      expect((await contexts.get("r", second))?.checkpoint.commit).toBe("2");
    });

    it("writes nothing where the run is not there", async () => {
      const { contexts } = on.backend;
      expect(await contexts.update(checkpointOf("r"), 1)).toBeNull();
      expect(await contexts.get("r")).toBeNull();
    });

    it("lets one of many writers of the same revision win", async () => {
      const stores = [on.backend.contexts, (await on.second()).contexts];
      let revision = (await on.backend.contexts.create(checkpointOf("r"))) ?? 0;
      for (let round = 0; round < 5; round++) {
        const base = revision;
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, i) =>
            stores[i % 2]?.update(checkpointOf("r", { commit: `${round}.${i}` }), base),
          ),
        );
        const winners = answers.flatMap((answer, i) => (answer == null ? [] : [{ answer, i }]));
        expect(winners).toHaveLength(1);
        revision = winners[0]?.answer ?? 0;
        const stored = await on.backend.contexts.get("r", revision);
        expect(stored).toMatchObject({
          revision,
          checkpoint: { commit: `${round}.${winners[0]?.i}` },
        });
      }
    });

    it("loses no increment of many that read, change and write again until they win", async () => {
      const stores = [on.backend.contexts, (await on.second()).contexts];
      await on.backend.contexts.create(checkpointOf("r"));
      await Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          const store = stores[i % 2] ?? on.backend.contexts;
          for (;;) {
            const read = await store.get("r");
            if (read === null) throw new Error("the run is gone");
            const items = read.checkpoint.counters.items + 1;
            const next = { ...read.checkpoint, counters: { ...read.checkpoint.counters, items } };
            if ((await store.update(next, read.revision)) !== null) return;
          }
        }),
      );
      expect((await on.backend.contexts.get("r"))?.checkpoint.counters.items).toBe(12);
    });

    it("gives no older answer than the revision that is known to exist", async () => {
      const other = (await on.second()).contexts;
      let revision = (await on.backend.contexts.create(checkpointOf("r"))) ?? 0;
      for (let i = 0; i < 30; i++) {
        revision =
          (await on.backend.contexts.update(checkpointOf("r", { commit: `${i}` }), revision)) ?? 0;
        expect(await other.get("r", revision)).toMatchObject({
          revision,
          checkpoint: { commit: `${i}` },
        });
      }
    });

    it("refuses a value that is too large, with both sizes, and writes nothing", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const revision = (await contexts.create(checkpointOf("r"))) ?? 0;
      const large = checkpointOf("r", { context: { text: "x".repeat(maxValueBytes + 1) } });
      const refusal = contexts.update(large, revision);
      await expect(refusal).rejects.toMatchObject({ code: "payload_too_large" });
      await expect(refusal).rejects.toSatisfy(tellsSizes);
      expect(await contexts.get("r")).toEqual({ checkpoint: checkpointOf("r"), revision });
      expect(await contexts.update(checkpointOf("r", { commit: "2" }), revision)).not.toBeNull();
    });

    it("refuses to create what is too large", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const large = checkpointOf("r", { context: { text: "☃".repeat(maxValueBytes / 2) } });
      await expect(contexts.create(large)).rejects.toMatchObject({ code: "payload_too_large" });
      expect(await contexts.get("r")).toBeNull();
    });

    it("stores a value that is nearly too large", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const checkpoint = checkpointOf("r", {
        context: { text: "x".repeat(maxValueBytes - 4_096) },
      });
      const revision = (await contexts.create(checkpoint)) ?? 0;
      expect(await contexts.get("r")).toEqual({ checkpoint, revision });
    });

    it("stores what leaves as many bytes free as it was told, and not one more", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const full = checkpointOfBytes("r", maxValueBytes - SPARE_BYTES);
      const revision = (await contexts.create(full, SPARE_BYTES)) ?? 0;
      expect(await contexts.get("r")).toEqual({ checkpoint: full, revision });
      const over = checkpointOfBytes("r", maxValueBytes - SPARE_BYTES + 1);
      const refusal = contexts.update(over, revision, SPARE_BYTES);
      await expect(refusal).rejects.toMatchObject({
        code: "payload_too_large",
        details: { bytes: maxValueBytes - SPARE_BYTES + 1, limit: maxValueBytes - SPARE_BYTES },
      });
      expect(await contexts.get("r")).toEqual({ checkpoint: full, revision });
      const next = await contexts.update({ ...full, commit: "" }, revision, SPARE_BYTES);
      expect(next).toBeGreaterThan(revision);
    });

    it("refuses to create what leaves too little free, with both sizes", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const over = checkpointOfBytes("r", maxValueBytes - SPARE_BYTES + 1);
      const refusal = contexts.create(over, SPARE_BYTES);
      await expect(refusal).rejects.toMatchObject({ code: "payload_too_large" });
      await expect(refusal).rejects.toSatisfy(tellsSizes);
      expect(await contexts.get("r")).toBeNull();
    });

    it("lets a write that need not leave anything free use all there is", async () => {
      const { contexts, maxValueBytes } = on.backend;
      const near = checkpointOfBytes("r", maxValueBytes - SPARE_BYTES);
      const full = checkpointOfBytes("r", maxValueBytes);
      const first = (await contexts.create(near, SPARE_BYTES)) ?? 0;
      const second = (await contexts.update(full, first)) ?? 0;
      expect(await contexts.get("r", second)).toEqual({ checkpoint: full, revision: second });
      await expect(contexts.update(full, second, 1)).rejects.toMatchObject({
        code: "payload_too_large",
      });
      const over = checkpointOfBytes("r", maxValueBytes + 1);
      await expect(contexts.update(over, second)).rejects.toMatchObject({
        code: "payload_too_large",
      });
      expect(await contexts.create(checkpointOfBytes("other", maxValueBytes))).not.toBeNull();
    });

    it("says so where what is stored is no checkpoint", async () => {
      const { contexts } = on.backend;
      await contexts.create({ ...checkpointOf("r"), status: "asleep" } as unknown as Checkpoint);
      await expect(contexts.get("r")).rejects.toMatchObject({ code: "validation" });
    });

    it("refuses a checkpoint of a later version", async () => {
      const { contexts } = on.backend;
      await contexts.create({ ...checkpointOf("r"), v: 2 } as unknown as Checkpoint);
      await expect(contexts.get("r")).rejects.toMatchObject({ code: "validation" });
    });

    it("lets keys pass that it does not know", async () => {
      const { contexts } = on.backend;
      await contexts.create({ ...checkpointOf("r"), later: { field: 1 } } as Checkpoint);
      expect((await contexts.get("r"))?.checkpoint).toMatchObject({ later: { field: 1 } });
    });

    it("shares nothing with what was written or read", async () => {
      const { contexts } = on.backend;
      const mine = checkpointOf("r", { context: { list: [1] } });
      const list = async (): Promise<number[]> => {
        const read = await contexts.get("r");
        return read?.checkpoint.context["list"] as number[];
      };
      await contexts.create(mine);
      (mine.context["list"] as number[]).push(2);
      const read = await list();
      expect(read).toEqual([1]);
      read.push(3);
      expect(await list()).toEqual([1]);
    });

    it("forgets a run that is removed", async () => {
      const { contexts } = on.backend;
      const revision = (await contexts.create(checkpointOf("r"))) ?? 0;
      await contexts.create(checkpointOf("other"));
      await contexts.remove("r");
      expect(await contexts.get("r")).toBeNull();
      expect(await contexts.update(checkpointOf("r"), revision)).toBeNull();
      expect(await contexts.get("other")).not.toBeNull();
      await contexts.remove("r");
      await contexts.remove("nobody");
    });

    it("never uses a revision of a removed run again", async () => {
      const { contexts } = on.backend;
      const before = (await contexts.create(checkpointOf("r"))) ?? 0;
      await contexts.remove("r");
      const after = (await contexts.create(checkpointOf("r", { commit: "new" }))) ?? 0;
      expect(after).toBeGreaterThan(before);
      expect(await contexts.update(checkpointOf("r", { commit: "late" }), before)).toBeNull();
      expect((await contexts.get("r", after))?.checkpoint.commit).toBe("new");
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { contexts } = on.backend;
      const revisions = await Promise.all(
        ODD_IDS.map((runId) => contexts.create(checkpointOf(runId))),
      );
      expect(revisions).not.toContain(null);
      for (const [i, runId] of ODD_IDS.entries()) {
        expect(await contexts.get(runId)).toMatchObject({
          revision: revisions[i],
          checkpoint: { runId },
        });
      }
    });

    it("shows every backend of the namespace the same", async () => {
      const other = (await on.second()).contexts;
      const revision = (await on.backend.contexts.create(checkpointOf("r"))) ?? 0;
      const next = (await other.update(checkpointOf("r", { commit: "2" }), revision)) ?? 0;
      expect(next).toBeGreaterThan(revision);
      expect((await on.backend.contexts.get("r", next))?.checkpoint.commit).toBe("2");
    });
  });
}

const SPARE_BYTES = 10_000;

/** A checkpoint whose value is of exactly this size. */
function checkpointOfBytes(runId: string, bytes: number): Checkpoint {
  const withText = (text: string): Checkpoint => checkpointOf(runId, { context: { text } });
  const frame = Buffer.byteLength(toStoredText(withText("")));
  // Bytes are counted, not characters.
  const wide = "☃".repeat(1_000);
  return withText(wide + "x".repeat(bytes - frame - Buffer.byteLength(wide)));
}

/** True for a refusal that says how large the value is and how large it may be. */
export function tellsSizes(error: {
  readonly details: Readonly<Record<string, unknown>>;
}): boolean {
  const { bytes, limit } = error.details;
  return typeof bytes === "number" && typeof limit === "number" && bytes > limit;
}
