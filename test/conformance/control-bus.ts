import { describe, expect, it } from "vitest";
import type { ControlBus, ControlCommand } from "../../src/core/ports/control-bus.ts";
import { eventually } from "../support/eventually.ts";
import type { Opened } from "./context.ts";
import { freshForEachTest } from "./context.ts";
import { ODD_IDS } from "./fixtures.ts";

const command = (runId: string, type: ControlCommand["type"] = "cancel"): ControlCommand => ({
  type,
  runId,
  revision: 7,
});

/** What every backend must do: control bus. */
export function controlBusTests(open: () => Promise<Opened>): void {
  describe("control bus", () => {
    const on = freshForEachTest(open);

    it("tells every worker of every backend, the own too", async () => {
      const [here, there] = [on.backend.control, (await on.second()).control];
      const heard: Record<string, ControlCommand[]> = { a: [], b: [], c: [] };
      here.listen("a", (it) => heard["a"]?.push(it));
      there.listen("b", (it) => heard["b"]?.push(it));
      there.listen("c", (it) => heard["c"]?.push(it));
      await allListen(here, 3);
      here.tell(command("r", "pause"));
      await eventually(() => {
        for (const commands of Object.values(heard))
          expect(commands).toContainEqual(command("r", "pause"));
      });
    });

    it("carries every command, in order", async () => {
      const { control } = on.backend;
      const heard: ControlCommand[] = [];
      (await on.second()).control.listen("w", (it) => heard.push(it));
      await allListen(control, 1);
      heard.length = 0;
      const sent = (["cancel", "pause", "resume"] as const).map((type) => command("r", type));
      for (const one of sent) control.tell(one);
      await eventually(() => expect(heard).toEqual(sent));
    });

    it("waits for the workers that answer and says which", async () => {
      const other = (await on.second()).control;
      for (const id of ["a", "b", "c"]) other.listen(id, () => {});
      await allListen(on.backend.control, 3);
      const answers = await on.backend.control.ask(command("r"), 3, 10_000);
      expect([...answers].sort()).toEqual(["a", "b", "c"]);
    });

    it("waits no longer than for as many as were asked for", async () => {
      const other = (await on.second()).control;
      for (const id of ["a", "b"]) other.listen(id, () => {});
      await allListen(on.backend.control, 2);
      const answers = await on.backend.control.ask(command("r"), 1, 3_600_000);
      expect(["a", "b"]).toEqual(expect.arrayContaining([...answers]));
      expect(answers.length).toBeGreaterThanOrEqual(1);
    });

    it("gives the answers there are when the time is over", async () => {
      on.backend.control.listen("a", () => {});
      await allListen(on.backend.control, 1);
      expect(await on.backend.control.ask(command("r"), 5, 150)).toEqual(["a"]);
    });

    it("gives no answers where nobody listens", async () => {
      expect(await on.backend.control.ask(command("r"), 1, 100)).toEqual([]);
    });

    it("asks nobody to answer where none is wanted, and tells all the same", async () => {
      const heard: string[] = [];
      on.backend.control.listen("a", ({ runId }) => heard.push(runId));
      await allListen(on.backend.control, 1);
      await on.backend.control.ask(command("quiet"), 0, 3_600_000);
      await eventually(() => expect(heard).toContain("quiet"));
    });

    it("tells no more to who has stopped listening", async () => {
      const heard: string[] = [];
      const stop = on.backend.control.listen("gone", ({ runId }) => heard.push(runId));
      const last: string[] = [];
      on.backend.control.listen("stays", ({ runId }) => last.push(runId));
      await allListen(on.backend.control, 2);
      stop();
      on.backend.control.tell(command("later"));
      await eventually(() => expect(last).toContain("later"));
      expect(heard).not.toContain("later");
    });

    it("names runs and workers whatever their ids are made of", async () => {
      const heard: string[] = [];
      for (const id of ODD_IDS) on.backend.control.listen(id, () => {});
      (await on.second()).control.listen("w", ({ runId }) => heard.push(runId));
      await allListen(on.backend.control, ODD_IDS.length + 1);
      for (const runId of ODD_IDS) on.backend.control.tell(command(runId));
      await eventually(() => expect(heard).toEqual(expect.arrayContaining([...ODD_IDS])));
      const answers = await on.backend.control.ask(command("r"), ODD_IDS.length + 1, 10_000);
      expect([...answers].sort()).toEqual([...ODD_IDS, "w"].sort());
    });
  });
}

/** A worker that has begun to listen may not be heard of at once. */
async function allListen(control: ControlBus, workers: number): Promise<void> {
  await eventually(async () => {
    expect(await control.ask(command("warm-up"), workers, 500)).toHaveLength(workers);
  });
}
