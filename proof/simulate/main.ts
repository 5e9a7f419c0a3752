import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { readOptions, refuse } from "../support/options.ts";
import { describe } from "./describe.ts";
import { type MutantResult, tryMutants } from "./mutants-run.ts";
import { play } from "./play.ts";
import { scenarioOf } from "./random-scenario.ts";
import { addTotals, type Finding, noTotals, type Totals } from "./range.ts";
import { shrink } from "./shrink.ts";

const USAGE =
  "npm run simulate -- [--schedules 5000] [--seed 1] [--processes 2] [--json] [--replay SEED] [--mutants [--only name,…]]";
const values = readOptions(USAGE, {
  schedules: { type: "string", default: "5000" },
  seed: { type: "string", default: "1" },
  processes: { type: "string", default: String(availableParallelism()) },
  json: { type: "boolean", default: false },
  replay: { type: "string" },
  mutants: { type: "boolean", default: false },
  only: { type: "string" },
});

/** Findings that are shown and made smaller; of more there is only the number. */
const SHOWN = 5;

if (values.replay !== undefined) await replay(number(values.replay, "--replay"));
else if (values.mutants) {
  const results = await tryMutants({
    only: values.only?.split(",") ?? null,
    seed: number(values.seed, "--seed"),
    schedules: number(values.schedules, "--schedules"),
    onResult: (result) => {
      if (!values.json) console.log(line(result));
    },
  });
  const missed = results.filter(({ schedules }) => schedules === null);
  if (values.json) console.log(JSON.stringify({ mutants: results }, null, 2));
  else console.log(`${results.length - missed.length} of ${results.length} mutants found`);
  if (missed.length > 0) process.exitCode = 1;
} else await simulate();

function line({ name, breaks, schedules, rule }: MutantResult): string {
  const found = schedules === null ? "NOT FOUND" : `found at ${schedules} (${rule})`;
  return `${name.padEnd(22)} ${found.padEnd(32)} ${breaks}`;
}

function number(text: string, option: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  return refuse(`${option} must be a whole number, not "${text}"`, USAGE);
}

/** Plays one seed and shows what happens; then the smallest scenario that fails in the same way. */
async function replay(seed: number): Promise<void> {
  const scenario = scenarioOf(seed);
  for (const line of describe(scenario)) console.log(line);
  console.log("step\ttime\twhat (the time is the world's)");
  const { violation } = await play(scenario, (line) => console.log(line));
  if (violation === null) {
    console.log(`seed ${seed}: everything held`);
    return;
  }
  process.exitCode = 1;
  console.log(`seed ${seed}: ${violation.message}`);
  const least = await shrink(
    scenario,
    async (candidate) => (await play(candidate)).violation?.rule === violation.rule,
  );
  console.log("the least that fails in the same way:");
  console.log(JSON.stringify(least, null, 2));
  await play(least, (line) => console.log(line));
}

async function simulate(): Promise<void> {
  const schedules = number(values.schedules, "--schedules");
  const seed = number(values.seed, "--seed");
  const processes = Math.max(1, number(values.processes, "--processes"));
  const began = performance.now();
  const totals = noTotals();
  const findings: Finding[] = [];
  let said = began;
  const progress = (): void => {
    if (performance.now() - said < 5_000) return;
    said = performance.now();
    const rate = totals.schedules / ((said - began) / 1_000);
    const left = Math.round((schedules - totals.schedules) / rate);
    console.error(
      `${totals.schedules} of ${schedules} schedules, ${findings.length} findings, ${Math.round(rate)}/s, ${left} s left`,
    );
  };
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  await Promise.all(
    Array.from({ length: processes }, (_, i) => {
      const count = Math.ceil((schedules - i) / processes);
      return playInProcess([seed + i, count, processes], stop.signal, {
        onTotals: (some) => {
          addTotals(totals, some);
          progress();
        },
        onFinding: (finding) => {
          findings.push(finding);
          console.error(`seed ${finding.seed}: ${finding.message}`);
        },
      });
    }),
  );
  findings.sort((a, b) => a.seed - b.seed);
  const seconds = (performance.now() - began) / 1_000;
  if (stop.signal.aborted) console.error(`stopped after ${totals.schedules} of ${schedules}`);
  report(totals, findings, seed, seconds);
  if (findings.length > 0) process.exitCode = 1;
}

/** Plays a range in a process of its own. Once stopped, what it has told counts. */
function playInProcess(
  range: readonly number[],
  stop: AbortSignal,
  { onTotals, onFinding }: { onTotals: (totals: Totals) => void; onFinding: (f: Finding) => void },
): Promise<void> {
  const file = fileURLToPath(new URL("./range-process.ts", import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(file, range.map(String), { execArgv: ["--import", "tsx"] });
    child.on("message", (message: { totals?: Totals; finding?: Finding }) => {
      if (message.totals !== undefined) onTotals(message.totals);
      if (message.finding !== undefined) onFinding(message.finding);
    });
    child.on("error", reject);
    stop.addEventListener("abort", () => child.kill());
    child.on("exit", (code, signal) => {
      // A terminal interrupts it too, and it may be gone before this process has heard of that.
      if (code === 0 || stop.aborted || signal === "SIGINT") resolve();
      else reject(new Error(`a process that plays schedules ended with ${code}`));
    });
  });
}

function report(totals: Totals, findings: readonly Finding[], seed: number, seconds: number): void {
  if (values.json) {
    console.log(JSON.stringify({ seed, seconds, totals, findings }, null, 2));
    return;
  }
  const hours = totals.simulatedMs / 3_600_000;
  const rows: [string, string][] = [
    ["schedules", `${totals.schedules} (seeds ${seed} to ${seed + totals.schedules - 1})`],
    ["steps decided", String(totals.steps)],
    ["runs", String(totals.runs)],
    ["commits", String(totals.commits)],
    ["executions", String(totals.executions)],
    ["faults", String(totals.faults)],
    ["commands", String(totals.commands)],
    ["simulated time", `${hours.toFixed(1)} h`],
    ["took", `${seconds.toFixed(1)} s`],
    ["findings", String(findings.length)],
  ];
  for (const [what, figure] of rows) console.log(`${what.padEnd(16)}${figure}`);
  for (const { seed: at, message } of findings.slice(0, SHOWN)) {
    console.log(`seed ${at}: ${message}\n  npm run simulate -- --replay ${at}`);
  }
  const { length } = findings;
  console.log(length === 0 ? "everything held" : `${length} of ${totals.schedules} did not hold`);
}
