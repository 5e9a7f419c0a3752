import { describe, expect, it } from "vitest";
import type { RunStatus } from "../../src/core/checkpoint/checkpoint.ts";
import type { RunInfoStore, RunScan } from "../../src/core/ports/stores.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { infoOf, ODD_IDS } from "./fixtures.ts";

/** What every backend must do: run infos for those who look at all of them. */
export function runInfoScanTests(open: () => Promise<Opened>): void {
  describe("scan of runs", () => {
    const on = freshForEachTest(open);

    it("gives the runs of one status, each once, in the order in which they came to be so", async () => {
      const { runs } = on.backend;
      for (const [i, runId] of ODD_IDS.entries()) {
        await runs.create(infoOf(runId, { workflow: i % 2 === 0 ? "orders" : "refunds" }));
      }
      const [paused, ended, back, ...others] = ODD_IDS;
      await runs.replace(infoOf(paused, { status: "paused", revision: 2 }), ["running"]);
      await runs.replace(
        infoOf(ended, { workflow: "refunds", status: "completed", revision: 2 }),
        null,
      );
      await runs.replace(infoOf(back, { status: "paused", revision: 2 }), null);
      await runs.replace(infoOf(back, { status: "running", revision: 3 }), null);
      expect(idsOf(await scanned(runs, "running", 7))).toEqual([...others, back]);
      expect(idsOf(await scanned(runs, "paused", 1_000))).toEqual([paused]);
      expect(await scanned(runs, "failed", 7)).toEqual([]);
    });

    it("ends with what was there when it began, whatever is filed meanwhile", async () => {
      const { runs } = on.backend;
      for (let i = 0; i < 10; i++) await runs.create(infoOf(`r-${i}`));
      let filed = 0;
      const found = await scanned(runs, "running", 4, async () => {
        for (let i = 0; i < 8; i++) await runs.create(infoOf(`late-${filed++}`));
      });
      expect(idsOf(found)).toEqual(Array.from({ length: 10 }, (_, i) => `r-${i}`));
    });

    it("tells which runs are filed in another way than they should be, or not at all", async () => {
      const { runs } = on.backend;
      const filed = ODD_IDS.map((runId) => infoOf(runId, { revision: 4 }));
      for (const info of filed) await runs.create(info);
      const [right, later, earlier, paused, ended] = ODD_IDS;
      await runs.replace(infoOf(ended, { status: "completed", revision: 9 }), ["running"]);
      const wanted = [
        infoOf(right, { revision: 4 }),
        infoOf(later, { revision: 7 }),
        infoOf(earlier, { revision: 3 }),
        infoOf(paused, { status: "paused", revision: 4 }),
        infoOf(ended, { revision: 9 }),
        infoOf("nobody"),
      ];
      expect(await runs.misfiled(wanted)).toEqual(new Set([earlier, paused, ended, "nobody"]));
      expect(await runs.misfiled([])).toEqual(new Set());
    });

    it("tells of many runs which are misfiled", async () => {
      const { runs } = on.backend;
      const infos = Array.from({ length: 450 }, (_, i) => infoOf(`r-${i}`));
      const unfiled = new Set(["r-0", "r-199", "r-200", "r-449"]);
      const filed = infos.filter(({ runId }) => !unfiled.has(runId));
      await Promise.all(filed.map((info) => runs.create(info)));
      expect(await runs.misfiled(infos)).toEqual(unfiled);
    });
  });
}

const idsOf = (infos: readonly RunInfo[]): string[] => infos.map(({ runId }) => runId);

async function scanned(
  runs: RunInfoStore,
  status: RunStatus,
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<RunInfo[]> {
  const found: RunInfo[] = [];
  for (let from: RunScan["next"] = null, more = true; more; more = from !== null) {
    const { infos, next }: RunScan = await runs.scan(status, from, limit);
    expect(infos.length).toBeLessThanOrEqual(limit);
    found.push(...infos);
    await between();
    from = next;
  }
  return found;
}
