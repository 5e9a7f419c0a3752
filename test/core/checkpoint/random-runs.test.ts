import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Drive } from "./drive.ts";
import { anyLife } from "./steps.ts";

// Each change is checked in drive.ts: against the model, the invariants of a checkpoint and those between two.

describe("whatever happens to a run", { timeout: 60_000 }, () => {
  it("each change does what the model does, and leaves a sound checkpoint", () => {
    fc.assert(
      fc.property(anyLife, (life) => {
        const drive = new Drive();
        for (const steps of life) drive.burst(steps);
      }),
      { numRuns: 50 },
    );
  });

  it("it completes once all that is left has ended, unless it was cancelled", () => {
    const statuses = new Map<string, number>();
    fc.assert(
      fc.property(anyLife, (life) => {
        const drive = new Drive();
        for (const steps of life) drive.burst(steps);
        const { status } = drive.model;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === "cancelled") return;
        if (status !== "completed") drive.drain();
        expect(drive.checkpoint).toMatchObject({
          status: "completed",
          items: {},
          forks: {},
          signals: [],
        });
      }),
      { numRuns: 50 },
    );
    // A generator whose runs all end early would prove little.
    expect(statuses.get("running") ?? 0).toBeGreaterThan(5);
  });
});
