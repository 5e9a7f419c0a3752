import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { DemoReport } from "../../examples/demo/report.ts";
import { eventually } from "../support/eventually.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEMO = ["--import", "tsx", "examples/demo.ts"];
const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("floxide-demo-"));

test("the demo loses nothing when a worker is killed", async () => {
  const before = leftovers();
  const { stdout } = await promisify(execFile)(process.execPath, [...DEMO, "--json"], {
    cwd: ROOT,
    timeout: 58_000,
  });
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.problems).toEqual([]);
  expect(report.ok).toBe(true);
  const { runs, kill, executions, items } = report;
  expect(runs.total).toBeGreaterThanOrEqual(150);
  expect(Object.keys(runs.byWay)).toEqual(["publish", "api", "embedded"]);
  for (const count of Object.values(runs.byWay)) expect(count).toBe(runs.total / 3);
  expect(items).toBeGreaterThan(runs.total);
  expect(kill?.inFlight).toBeGreaterThan(0);
  expect(kill?.again).toBeGreaterThanOrEqual(kill?.inFlight ?? Number.NaN);
  expect(executions.repeated).toBeGreaterThanOrEqual(kill?.again ?? Number.NaN);
  expect(leftovers()).toEqual(before);
});

test("the demo cleans up when it is interrupted", async () => {
  const before = leftovers();
  const demo = spawn(process.execPath, DEMO, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  demo.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = once(demo, "exit");
  await eventually(() => expect(said).toMatch(/of \d+ runs have ended/), { withinMs: 30_000 });
  const pids = [...said.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid));
  expect(pids.length).toBeGreaterThanOrEqual(4);
  demo.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(leftovers()).toEqual(before);
});
