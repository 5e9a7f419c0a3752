import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { errorOf, heartbeatOf, metricsOf, ODD_IDS } from "./fixtures.ts";

/** What every backend must do: keyed store. */
export function keyedStoreTests(open: () => Promise<Opened>): void {
  metricsStoreTests(open);
  errorStoreTests(open);
  livenessStoreTests(open);
  valueStoreTests(open);
}

function valueStoreTests(open: () => Promise<Opened>): void {
  describe("value store", () => {
    const on = freshForEachTest(open);

    it("gives null for what it does not know", async () => {
      const { values } = on.backend;
      expect(await values.get("nobody", "k")).toBeNull();
      expect(await values.newestAt("nobody")).toBeNull();
      expect(await values.runs()).toEqual([]);
    });

    it("gives back what was put, to every backend, whatever run ids are made of", async () => {
      const { values } = on.backend;
      await Promise.all(ODD_IDS.map((runId, i) => values.put(runId, "k-1", `[${i}]`)));
      const other = (await on.second()).values;
      for (const [i, runId] of ODD_IDS.entries())
        expect(await other.get(runId, "k-1")).toBe(`[${i}]`);
      expect([...(await other.runs())].sort()).toEqual([...ODD_IDS].sort());
    });

    it("removes some values of a run, or all, and leaves those of others", async () => {
      const { values } = on.backend;
      for (const key of ["a", "b", "c"]) await values.put("r", key, "[]");
      await values.put("other", "a", "[]");
      await values.remove("r", ["a", "unknown"]);
      expect(await values.get("r", "a")).toBeNull();
      expect(await values.get("r", "b")).toBe("[]");
      await values.removeRun("r");
      expect(await values.get("r", "b")).toBeNull();
      expect(await values.get("r", "c")).toBeNull();
      expect(await values.get("other", "a")).toBe("[]");
    });

    it("knows when the newest value of a run was written", async () => {
      const { values } = on.backend;
      await values.put("r", "a", "[]");
      const at = await values.newestAt("r");
      expect(Math.abs((at ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it("refuses a value that is larger than the largest", async () => {
      const text = JSON.stringify("x".repeat(on.backend.maxValueBytes));
      await expect(on.backend.values.put("r", "a", text)).rejects.toMatchObject({
        code: "payload_too_large",
      });
    });
  });
}

function metricsStoreTests(open: () => Promise<Opened>): void {
  describe("metrics store", () => {
    const on = freshForEachTest(open);

    it("gives null for a run that it does not know", async () => {
      expect(await on.backend.metrics.get("nobody")).toBeNull();
    });

    it("gives back what was put last, to every backend", async () => {
      const { metrics } = on.backend;
      await metrics.put(metricsOf("r", 1));
      expect(await metrics.get("r")).toEqual(metricsOf("r", 1));
      await metrics.put(metricsOf("r", 2));
      expect(await (await on.second()).metrics.get("r")).toEqual(metricsOf("r", 2));
    });

    it("forgets a run that is removed", async () => {
      const { metrics } = on.backend;
      await metrics.put(metricsOf("r"));
      await metrics.put(metricsOf("other"));
      await metrics.remove("r");
      await metrics.remove("nobody");
      expect(await metrics.get("r")).toBeNull();
      expect(await metrics.get("other")).toEqual(metricsOf("other"));
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { metrics } = on.backend;
      await Promise.all(ODD_IDS.map((runId, i) => metrics.put(metricsOf(runId, i))));
      for (const [i, runId] of ODD_IDS.entries()) {
        expect(await metrics.get(runId)).toEqual(metricsOf(runId, i));
      }
    });
  });
}

function errorStoreTests(open: () => Promise<Opened>): void {
  describe("error store", () => {
    const on = freshForEachTest(open);

    it("gives an empty list for a run that it does not know", async () => {
      expect(await on.backend.errors.list("nobody", 10)).toEqual([]);
    });

    it("lists failed attempts oldest first, to every backend", async () => {
      const { errors } = on.backend;
      const all = [errorOf("r", 2, 1, 10), errorOf("r", 1, 1, 20), errorOf("r", 2, 2, 30)];
      for (const error of all) await errors.put(error);
      expect(await errors.list("r", 10)).toEqual(all);
      expect(await (await on.second()).errors.list("r", 10)).toEqual(all);
    });

    it("counts an attempt once", async () => {
      const { errors } = on.backend;
      const all = [errorOf("r", 1, 1, 10), errorOf("r", 1, 2, 20), errorOf("r", 1, 10, 30)];
      for (const error of [...all, ...all]) await errors.put(error);
      expect(await errors.list("r", 10)).toEqual(all);
    });

    it("keeps attempts of the same number, as a resumed run has them", async () => {
      const { errors } = on.backend;
      const all = [errorOf("r", 1, 1, 10), errorOf("r", 1, 2, 20), errorOf("r", 1, 1, 30)];
      for (const error of all) await errors.put(error);
      expect(await errors.list("r", 10)).toEqual(all);
      await errors.remove("r");
      expect(await errors.list("r", 10)).toEqual([]);
    });

    it("keeps the failure of the run itself", async () => {
      const { errors } = on.backend;
      const { failure, ...rest } = errorOf("r", 1, 1, 10);
      const ofRun = { ...rest, failure: { ...failure, item: null, attempt: null, node: null } };
      await errors.put(ofRun);
      expect(await errors.list("r", 10)).toEqual([ofRun]);
    });

    it("gives the newest where there are more than asked for", async () => {
      const { errors } = on.backend;
      const all = Array.from({ length: 12 }, (_, i) => errorOf("r", 1, i + 1, i * 10));
      for (const error of all) await errors.put(error);
      expect(await errors.list("r", 3)).toEqual(all.slice(-3));
      expect(await errors.list("r", 1)).toEqual(all.slice(-1));
      expect(await errors.list("r", 1_000)).toEqual(all);
    });

    it("forgets a run that is removed, and no other", async () => {
      const { errors } = on.backend;
      for (const runId of ["a", "ab", "a.b", "a.1"]) await errors.put(errorOf(runId, 1, 1));
      await errors.remove("a");
      await errors.remove("nobody");
      expect(await errors.list("a", 10)).toEqual([]);
      for (const runId of ["ab", "a.b", "a.1"])
        expect(await errors.list(runId, 10)).toHaveLength(1);
    });

    it("keeps runs apart whatever their ids are made of", async () => {
      const { errors } = on.backend;
      await Promise.all(ODD_IDS.map((runId, i) => errors.put(errorOf(runId, i, 1))));
      for (const [i, runId] of ODD_IDS.entries()) {
        expect(await errors.list(runId, 10)).toEqual([errorOf(runId, i, 1)]);
      }
    });
  });
}

function livenessStoreTests(open: () => Promise<Opened>): void {
  describe("liveness store", () => {
    const on = freshForEachTest(open);

    it("knows no worker at first", async () => {
      expect(await on.backend.liveness.list()).toEqual([]);
    });

    it("lists the last heartbeat of each worker, to every backend", async () => {
      const { liveness } = on.backend;
      const other = (await on.second()).liveness;
      await liveness.put(() => heartbeatOf("w1"));
      await other.put(() => heartbeatOf("w2"));
      const busy = heartbeatOf("w1", {
        status: "busy",
        running: 1,
        current: [
          { runId: "r", item: 1, node: "charge", attempt: 1, since: new Date().toISOString() },
        ],
      });
      await liveness.put(() => busy);
      await eventually(async () => {
        for (const store of [liveness, other]) {
          const heartbeats = await store.list();
          expect(heartbeats.map(({ workerId }) => workerId).sort()).toEqual(["w1", "w2"]);
          expect(heartbeats).toContainEqual(busy);
        }
      });
    });

    it("forgets a worker that says goodbye", async () => {
      const { liveness } = on.backend;
      await liveness.put(() => heartbeatOf("w1"));
      const other = heartbeatOf("w2");
      await liveness.put(() => other);
      await liveness.remove("w1");
      await liveness.remove("nobody");
      await eventually(async () => {
        expect((await liveness.list()).map(({ workerId }) => workerId)).toEqual(["w2"]);
      });
      expect(await liveness.get("w1")).toBeNull();
      expect(await liveness.get("w2")).toEqual(other);
    });

    it("leaves what was said where nothing more is to be said", async () => {
      const { liveness } = on.backend;
      const said = heartbeatOf("w1");
      await liveness.put(() => said);
      await liveness.put(() => null);
      expect(await liveness.get("w1")).toEqual(said);
    });

    it("keeps workers apart whatever their ids are made of", async () => {
      const { liveness } = on.backend;
      for (const workerId of ODD_IDS) await liveness.put(() => heartbeatOf(workerId));
      await eventually(async () => {
        const ids = (await liveness.list()).map(({ workerId }) => workerId);
        expect(ids.sort()).toEqual([...ODD_IDS].sort());
      });
    });
  });
}
