import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { DOORS } from "../../proof/fuzz/doors.ts";

/** The same cases each time. `npm run fuzz` tries others, and many more. */
const SEED = 20_260_101;

describe("whatever comes in is taken or refused with a code", () => {
  test.each(DOORS.map(({ name, summary }) => ({ name, summary })))(
    "$name: $summary",
    async ({ name }) => {
      const door = DOORS.find((one) => one.name === name);
      if (door === undefined) throw new Error(`there is no door "${name}"`);
      const { attempt, close } = await door.open();
      if (close !== undefined) onTestFinished(close);
      const verdicts = new Set<string>();
      await fc.assert(
        fc.asyncProperty(door.cases, async (one) => {
          verdicts.add(await attempt(one));
        }),
        { seed: SEED, numRuns: door.few, endOnFailure: false },
      );
      // Cases that are all right, or all refused, try nothing.
      expect(verdicts).toContain("accepted");
      expect(verdicts.size).toBeGreaterThan(1);
    },
    30_000,
  );
});
