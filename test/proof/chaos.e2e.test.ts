import { expect, test } from "vitest";
import { runChaos } from "../../proof/chaos/run.ts";

test("a short storm of killed processes and broken connections leaves every run exactly as it must be", async () => {
  const report = await runChaos({
    mode: "single",
    seed: 11,
    durationMs: 4_000,
    rate: 10,
    workers: 2,
    services: 1,
    quietMs: 800,
    atLeast: 3,
    kinds: ["worker-kill", "worker-cut", "server-kill"],
    deletions: false,
    onProgress: () => {},
  });
  expect(report.violations).toEqual([]);
  expect(report.faults.length).toBeGreaterThanOrEqual(3);
  expect(report.runs.accepted).toBeGreaterThan(20);
  expect(report.executions).toBeGreaterThan(report.items);
}, 150_000);
