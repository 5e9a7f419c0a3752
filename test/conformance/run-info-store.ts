import { describe, expect, it } from "vitest";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { infoOf, ODD_IDS } from "./fixtures.ts";

/** What every backend must do: run info store. */
export function runInfoStoreTests(open: () => Promise<Opened>): void {
  describe("run info store", () => {
    const on = freshForEachTest(open);

    it("gives null for a run that it does not know", async () => {
      expect(await on.backend.runs.get("nobody")).toBeNull();
    });

    it.each(["running", "paused", "completed", "failed", "cancelled"] as const)(
      "gives back the info of a %s run",
      async (status) => {
        const { runs } = on.backend;
        const info = infoOf("r", { status, revision: 4 });
        expect(await runs.create(info)).toBe(true);
        expect(await runs.get("r")).toEqual(info);
        expect(await (await on.second()).runs.get("r")).toEqual(info);
      },
    );

    it("creates a run once", async () => {
      const { runs } = on.backend;
      expect(await runs.create(infoOf("r"))).toBe(true);
      expect(await runs.create({ ...infoOf("r"), inputHash: "other" })).toBe(false);
      expect(await runs.get("r")).toEqual(infoOf("r"));
    });

    it("creates no run whose status has changed since", async () => {
      const { runs } = on.backend;
      await runs.create(infoOf("r"));
      await runs.replace(infoOf("r", { status: "completed", revision: 2 }), ["running"]);
      expect(await runs.create(infoOf("r"))).toBe(false);
      expect(await runs.get("r")).toMatchObject({ status: "completed" });
    });

    it("lets one of many creators win", async () => {
      const stores = [on.backend.runs, (await on.second()).runs];
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          stores[i % 2]?.create({ ...infoOf("r"), inputHash: `${i}` }),
        ),
      );
      expect(answers.filter((created) => created === true)).toHaveLength(1);
      expect((await on.backend.runs.get("r"))?.inputHash).toBe(String(answers.indexOf(true)));
    });

    it("replaces the info of a run whose status changed", async () => {
      const { runs } = on.backend;
      await runs.create(infoOf("r"));
      await runs.replace(infoOf("r", { status: "paused", revision: 2 }), ["running"]);
      expect(await runs.get("r")).toMatchObject({ status: "paused", revision: 2 });
      await runs.replace(infoOf("r", { status: "running", revision: 3 }), ["paused", "failed"]);
      expect(await runs.get("r")).toMatchObject({ status: "running", revision: 3 });
      await runs.replace(infoOf("r", { status: "failed", revision: 4 }), null);
      expect(await runs.get("r")).toEqual(infoOf("r", { status: "failed", revision: 4 }));
    });

    it("files a run that nobody created", async () => {
      const { runs } = on.backend;
      await runs.replace(infoOf("r", { status: "completed", revision: 2 }), ["running", "paused"]);
      expect(await runs.get("r")).toMatchObject({ status: "completed" });
    });

    it("takes the same change twice", async () => {
      const { runs } = on.backend;
      await runs.create(infoOf("r"));
      const ended = infoOf("r", { status: "completed", revision: 2 });
      await runs.replace(ended, ["running"]);
      await runs.replace(ended, ["running"]);
      expect(await runs.get("r")).toEqual(ended);
    });

    it("believes the larger revision whatever comes last", async () => {
      const { runs } = on.backend;
      await runs.create(infoOf("r"));
      await runs.replace(infoOf("r", { status: "completed", revision: 5 }), null);
      await runs.replace(infoOf("r", { status: "running", revision: 3 }), null);
      expect(await runs.get("r")).toMatchObject({ status: "completed", revision: 5 });
    });

    it("believes the larger revision of two that come at once", async () => {
      const { runs } = on.backend;
      const other = (await on.second()).runs;
      for (let i = 0; i < 10; i++) {
        const runId = `r${i}`;
        await runs.create(infoOf(runId));
        await Promise.all([
          runs.replace(infoOf(runId, { status: "cancelled", revision: 4 }), ["running", "paused"]),
          other.replace(infoOf(runId, { status: "paused", revision: 3 }), ["running"]),
        ]);
        await eventually(async () => {
          expect(await runs.get(runId)).toMatchObject({ status: "cancelled", revision: 4 });
          expect(await other.get(runId)).toMatchObject({ status: "cancelled", revision: 4 });
        });
      }
    });

    it("files a run anew over a larger revision, where what is filed says something else", async () => {
      const { runs } = on.backend;
      const now = infoOf("r", { status: "running", revision: 3 });
      await runs.create(infoOf("r"));
      await runs.replace(infoOf("r", { status: "failed", revision: 9 }), null);
      expect(await runs.refile("r", async () => now)).toBe(true);
      expect(await runs.get("r")).toEqual(now);
      await eventually(async () => expect((await runs.list({}, 10, null)).items).toEqual([now]));
      // An older revision of a run that goes on says the same.
      const later = infoOf("r", { status: "running", revision: 5 });
      expect(await runs.refile("r", async () => later)).toBe(false);
      const ended = infoOf("r", { status: "completed", revision: 6 });
      expect(await runs.refile("r", async () => ended)).toBe(true);
      expect(await runs.refile("r", async () => ended)).toBe(false);
      expect(await runs.get("r")).toEqual(ended);
    });

    it("files a run that is not listed, and none that there is not", async () => {
      const { runs } = on.backend;
      expect(await runs.refile("r", async () => null)).toBe(false);
      expect(await runs.get("r")).toBeNull();
      expect(await runs.refile("r", async () => infoOf("r"))).toBe(true);
      expect(await runs.get("r")).toEqual(infoOf("r"));
    });

    it("keeps what is filed while somebody reads what to file anew", async () => {
      const { runs } = on.backend;
      const other = (await on.second()).runs;
      const ended = infoOf("r", { status: "completed", revision: 8 });
      await runs.create(infoOf("r", { status: "paused", revision: 9 }));
      let reads = 0;
      const refiled = await runs.refile("r", async () => {
        reads += 1;
        if (reads > 1) return ended;
        // The run ends right after it was read as running.
        await other.refile("r", async () => ended);
        return infoOf("r", { status: "running", revision: 7 });
      });
      expect(refiled).toBe(false);
      expect(await runs.get("r")).toEqual(ended);
    });

    it("tells of an end that is filed anew", async () => {
      const { runs } = on.backend;
      const ended: RunInfo[] = [];
      await runs.create(infoOf("r", { revision: 9 }));
      await runs.watchEnded((info) => ended.push(info));
      const info = infoOf("r", { status: "failed", revision: 4 });
      await (await on.second()).runs.refile("r", async () => info);
      await eventually(() => expect(ended).toContainEqual(info));
    });

    it("forgets a run that is removed", async () => {
      const { runs } = on.backend;
      await runs.create(infoOf("r", { status: "completed" }));
      await runs.create(infoOf("other"));
      await runs.remove("r");
      await runs.remove("nobody");
      expect(await runs.get("r")).toBeNull();
      const { items } = await eventually(async () => {
        const page = await runs.list({}, 10, null);
        expect(page.items).toHaveLength(1);
        return page;
      });
      expect(items[0]?.runId).toBe("other");
      expect(await runs.create(infoOf("r"))).toBe(true);
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { runs } = on.backend;
      for (const runId of ODD_IDS) expect(await runs.create(infoOf(runId))).toBe(true);
      for (const runId of ODD_IDS) expect(await runs.get(runId)).toEqual(infoOf(runId));
      await eventually(async () => {
        const { items } = await runs.list({}, 1_000, null);
        expect(items.map(({ runId }) => runId).sort()).toEqual([...ODD_IDS].sort());
      });
    });

    it("tells of a run that another backend ends", async () => {
      const ended: RunInfo[] = [];
      await on.backend.runs.create(infoOf("r"));
      await on.backend.runs.watchEnded((info) => ended.push(info));
      const info = infoOf("r", { status: "completed", revision: 2 });
      await (await on.second()).runs.replace(info, ["running"]);
      await eventually(() => expect(ended).toContainEqual(info));
    });

    it.each(["completed", "failed", "cancelled"] as const)(
      "tells of a run that is %s",
      async (status) => {
        const ended: RunInfo[] = [];
        await on.backend.runs.create(infoOf("r"));
        await on.backend.runs.watchEnded((info) => ended.push(info));
        const info = infoOf("r", { status, revision: 2 });
        await on.backend.runs.replace(info, ["running", "paused"]);
        await eventually(() => expect(ended).toContainEqual(info));
      },
    );

    it("tells of no run that has ended before, none that goes on, and none after the watch is over", async () => {
      const { runs } = on.backend;
      const all: string[] = [];
      const some: string[] = [];
      for (const runId of ["before", "paused", "after", "last"]) await runs.create(infoOf(runId));
      await runs.replace(infoOf("before", { status: "completed", revision: 2 }), ["running"]);
      const stop = await runs.watchEnded((info) => some.push(info.runId));
      await runs.watchEnded((info) => all.push(info.runId));
      await runs.replace(infoOf("paused", { status: "paused", revision: 2 }), ["running"]);
      await runs.replace(infoOf("after", { status: "failed", revision: 2 }), ["running"]);
      await eventually(() => {
        expect(new Set(all)).toEqual(new Set(["after"]));
        expect(new Set(some)).toEqual(new Set(["after"]));
      });
      stop();
      await runs.replace(infoOf("last", { status: "completed", revision: 2 }), ["running"]);
      await eventually(() => expect(new Set(all)).toEqual(new Set(["after", "last"])));
      expect(new Set(some)).toEqual(new Set(["after"]));
    });

    it("tells of a run that ends, is resumed and ends again, each time", async () => {
      const { runs } = on.backend;
      const ended: number[] = [];
      await runs.create(infoOf("r"));
      await runs.watchEnded((info) => ended.push(info.revision));
      await runs.replace(infoOf("r", { status: "failed", revision: 2 }), ["running"]);
      await runs.replace(infoOf("r", { status: "running", revision: 3 }), ["failed", "paused"]);
      await runs.replace(infoOf("r", { status: "completed", revision: 4 }), ["running"]);
      await eventually(() => expect([...new Set(ended)]).toEqual([2, 4]));
    });
  });
}
