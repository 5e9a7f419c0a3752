import { beforeEach, describe, expect, it } from "vitest";
import type { RunFilter, RunInfoStore } from "../../src/core/ports/stores.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { at, infoOf } from "./fixtures.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STATUSES = ["running", "paused", "completed", "failed", "cancelled"] as const;

/** Runs of two workflows and every status, over seven weeks; some were created in the same millisecond. */
const ALL: readonly RunInfo[] = Array.from({ length: 29 }, (_, i) =>
  infoOf(`run-${i}`, {
    status: STATUSES[i % 5] ?? "running",
    workflow: i % 3 === 0 ? "refunds" : "orders",
    createdAt: at(i % 7 === 6 ? (i - 1) * 41 * HOUR_MS : i * 41 * HOUR_MS),
    revision: i + 1,
  }),
);

/** The order in which they are filed. */
const FILED: readonly RunInfo[] = ALL.map((_, i) => ALL[(i * 11) % ALL.length] ?? infoOf(""));

/** What every backend must do: run info list. */
export function runInfoListTests(open: () => Promise<Opened>): void {
  describe("listing of runs", () => {
    const on = freshForEachTest(open);

    beforeEach(async () => {
      for (const info of FILED) await on.backend.runs.create(info);
      await eventually(async () => {
        expect((await on.backend.runs.list({}, 1_000, null)).items).toHaveLength(ALL.length);
      });
    });

    const filters: readonly (readonly [string, RunFilter])[] = [
      ["nothing", {}],
      ["status", { status: "completed" }],
      ["workflow", { workflow: "orders" }],
      ["status and workflow", { status: "failed", workflow: "orders" }],
      ["a time window", { createdFrom: at(5 * DAY_MS), createdBefore: at(30 * DAY_MS) }],
      ["a beginning", { createdFrom: at(20 * DAY_MS) }],
      ["an end", { createdBefore: at(20 * DAY_MS) }],
      [
        "status and a time window",
        { status: "running", createdFrom: at(DAY_MS), createdBefore: at(40 * DAY_MS) },
      ],
      [
        "all of it",
        {
          status: "running",
          workflow: "refunds",
          createdFrom: at(0),
          createdBefore: at(40 * DAY_MS),
        },
      ],
    ];

    it.each(filters)("gives exactly the runs that fit %s, last filed first", async (_, filter) => {
      const { items, cursor } = await on.backend.runs.list(filter, 1_000, null);
      expect(items).toEqual(expected(filter));
      expect(cursor).toBeNull();
    });

    it.each(filters)("pages by %s without gaps or repetitions", async (_, filter) => {
      const whole = await on.backend.runs.list(filter, 1_000, null);
      for (const limit of [1, 2, 5]) {
        const paged = await pages(on.backend.runs, filter, limit);
        expect(paged.flat()).toEqual(whole.items);
        expect(paged.length).toBe(Math.max(1, Math.ceil(whole.items.length / limit)));
      }
    });

    it("gives no cursor on a last page that is full", async () => {
      const { items, cursor } = await on.backend.runs.list({}, ALL.length, null);
      expect(items).toHaveLength(ALL.length);
      expect(cursor).toBeNull();
    });

    it("takes the beginning of a time window in and leaves its end out", async () => {
      const { runs } = on.backend;
      const [from, before] = [at(41 * HOUR_MS), at(3 * 41 * HOUR_MS)];
      const { items } = await runs.list({ createdFrom: from, createdBefore: before }, 10, null);
      expect(items.map(({ runId }) => runId)).toEqual(["run-2", "run-1"]);
      const none = await runs.list({ createdFrom: from, createdBefore: from }, 10, null);
      expect(none).toEqual({ items: [], cursor: null });
    });

    it("gives an empty page where nothing fits", async () => {
      const { runs } = on.backend;
      expect(await runs.list({ workflow: "nothing" }, 10, null)).toEqual({
        items: [],
        cursor: null,
      });
      expect(await runs.list({ createdFrom: at(400 * DAY_MS) }, 10, null)).toEqual({
        items: [],
        cursor: null,
      });
    });

    it("gives the same to every backend of the namespace", async () => {
      const other = (await on.second()).runs;
      const whole = await on.backend.runs.list({}, 1_000, null);
      expect(await other.list({}, 1_000, null)).toEqual(whole);
      const first = await on.backend.runs.list({}, 10, null);
      const rest = await other.list({}, 1_000, first.cursor);
      expect([...first.items, ...rest.items]).toEqual(whole.items);
    });

    it("goes on where it was although newer runs begin between two pages", async () => {
      const { runs } = on.backend;
      const whole = await runs.list({}, 1_000, null);
      const first = await runs.list({}, 10, null);
      await runs.create(infoOf("newcomer", { createdAt: at(300 * DAY_MS) }));
      const rest = await runs.list({}, 1_000, first.cursor);
      expect([...first.items, ...rest.items]).toEqual(whole.items);
    });

    it("goes on where it was although the last run of a page is removed", async () => {
      const { runs } = on.backend;
      const whole = await runs.list({}, 1_000, null);
      const first = await runs.list({}, 10, null);
      await runs.remove(first.items.at(-1)?.runId ?? "");
      const rest = await runs.list({}, 1_000, first.cursor);
      expect([...first.items, ...rest.items]).toEqual(whole.items);
    });

    it("lists a run whose status changes before all others", async () => {
      const { runs } = on.backend;
      const whole = await runs.list({}, 1_000, null);
      const ended = infoOf("run-0", { ...place("run-0"), status: "completed", revision: 90 });
      await runs.replace(ended, ["running"]);
      const others = whole.items.filter(({ runId }) => runId !== "run-0");
      await eventually(async () => {
        const { items } = await runs.list({}, 1_000, null);
        expect(items).toEqual([ended, ...others]);
      });
      const completed = await runs.list({ status: "completed" }, 1, null);
      expect(completed.items).toEqual([ended]);
    });

    it("gives every run that stands still once, whichever moves between two pages", async () => {
      const { runs } = on.backend;
      const whole = await runs.list({}, 1_000, null);
      const first = await runs.list({}, 10, null);
      const moving = whole.items.slice(8, 12).map(({ runId }) => runId);
      for (const runId of moving)
        await runs.replace(
          infoOf(runId, { ...place(runId), status: "paused", revision: 90 }),
          null,
        );
      const rest = await runs.list({}, 1_000, first.cursor);
      const still = (items: readonly RunInfo[]) =>
        items.filter(({ runId }) => !moving.includes(runId));
      expect(still([...first.items, ...rest.items])).toEqual(still(whole.items));
    });

    it.each([
      ["nonsense", "nonsense"],
      ["an earlier form", Buffer.from(`["${at(0)}","run-1",7,3]`).toString("base64url")],
      ["no position", "0"],
      ["a negative position", "-3"],
      ["a fraction", "1.5"],
      ["nothing", ""],
    ])("refuses a cursor of %s", async (_, cursor) => {
      await expect(on.backend.runs.list({}, 10, cursor)).rejects.toMatchObject({
        code: "validation",
        message: expect.stringContaining("is no cursor of a listing of runs"),
      });
    });

    it("moves a run whose status changes from one listing to the other", async () => {
      const { runs } = on.backend;
      await runs.replace(
        infoOf("run-0", { ...place("run-0"), status: "completed", revision: 90 }),
        ["running"],
      );
      await runs.replace(
        infoOf("run-3", { ...place("run-3"), status: "running", revision: 91 }),
        null,
      );
      await eventually(async () => {
        const [running, completed, failed, all] = await Promise.all([
          idsOf(runs, { status: "running" }),
          idsOf(runs, { status: "completed" }),
          idsOf(runs, { status: "failed" }),
          idsOf(runs, {}),
        ]);
        expect(running).not.toContain("run-0");
        expect(completed).toContain("run-0");
        expect(failed).not.toContain("run-3");
        expect(running).toContain("run-3");
        expect(all.sort()).toEqual(ALL.map(({ runId }) => runId).sort());
      });
    });

    it("lists a run under the status of the larger revision whatever comes last", async () => {
      const { runs } = on.backend;
      await runs.replace(
        infoOf("run-0", { ...place("run-0"), status: "cancelled", revision: 95 }),
        ["running"],
      );
      await runs.replace(infoOf("run-0", { ...place("run-0"), status: "paused", revision: 92 }), [
        "running",
      ]);
      await eventually(async () => {
        expect(await idsOf(runs, { status: "cancelled" })).toContain("run-0");
        expect(await idsOf(runs, { status: "paused" })).not.toContain("run-0");
        expect(await idsOf(runs, { status: "running" })).not.toContain("run-0");
        expect((await idsOf(runs, {})).filter((runId) => runId === "run-0")).toHaveLength(1);
      });
    });
  });
}

const idsOf = async (runs: RunInfoStore, filter: RunFilter): Promise<string[]> =>
  (await runs.list(filter, 1_000, null)).items.map(({ runId }) => runId);

/** Workflow and time that a run was created with: they never change. */
function place(id: string): Pick<RunInfo, "workflow" | "createdAt"> {
  const { workflow, createdAt } = ALL.find(({ runId }) => runId === id) ?? infoOf(id);
  return { workflow, createdAt };
}

function expected({ status, workflow, createdFrom, createdBefore }: RunFilter): readonly RunInfo[] {
  return FILED.toReversed()
    .filter((info) => status === undefined || info.status === status)
    .filter((info) => workflow === undefined || info.workflow === workflow)
    .filter(
      (info) => createdFrom === undefined || Date.parse(info.createdAt) >= Date.parse(createdFrom),
    )
    .filter(
      (info) =>
        createdBefore === undefined || Date.parse(info.createdAt) < Date.parse(createdBefore),
    );
}

async function pages(runs: RunInfoStore, filter: RunFilter, limit: number): Promise<RunInfo[][]> {
  const all: RunInfo[][] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<RunInfoStore["list"]>> = await runs.list(filter, limit, cursor);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    all.push([...page.items]);
    cursor = page.cursor;
  } while (cursor !== null && all.length < 100);
  return all;
}
