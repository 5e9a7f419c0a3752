import { readOptions, refuse } from "../support/options.ts";
import { runSoak, type SoakReport } from "./run.ts";

const USAGE =
  "npm run soak -- [--minutes 10] [--seed 1] [--rate 20] [--retention 60] [--every 5] [--faults 60] [--bound 30] [--json]";
const values = readOptions(USAGE, {
  minutes: { type: "string", default: "10" },
  seed: { type: "string", default: "1" },
  rate: { type: "string", default: "20" },
  retention: { type: "string", default: "60" },
  every: { type: "string", default: "5" },
  faults: { type: "string", default: "60" },
  bound: { type: "string", default: "30" },
  json: { type: "boolean", default: false },
});
const { minutes, seed, rate, retention, every, faults, bound } = values;
if ([minutes, seed, rate, retention, every, faults, bound].some((one) => !(Number(one) > 0))) {
  refuse("minutes, seed, rate, retention, every, faults and bound are numbers above 0", USAGE);
}
// Processes, servers and mounts go with this one.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const report = await runSoak({
  durationMs: Number(minutes) * 60_000,
  seed: Number(seed),
  rate: Number(rate),
  retentionMs: Number(retention) * 1_000,
  everyMs: Number(every) * 1_000,
  faultEveryMs: Number(faults) * 1_000,
  bound: Number(bound),
  onProgress: (line) => console.error(line),
});
console.log(values.json ? JSON.stringify(report, null, 2) : tableOf(report));
process.exit(report.problems.length === 0 ? 0 : 1);

function tableOf({ machine, growth, before, peak, after, problems, ...rest }: SoakReport): string {
  return [
    `soak, seed ${rest.seed}: ${rest.seconds} s on ${machine.cores} cores (${machine.cpu}), node ${machine.node}; ${rest.runs} runs, ${rest.faults} faults`,
    `memory, after ${Math.round(rest.warmUpSeconds)} s of warm-up, MiB and MiB an hour with twice the standard error`,
    ...growth.map(({ series, firstMiB, lastMiB, slope, bound: most, isJudged }) => {
      const band =
        slope === null
          ? "too few samples"
          : `${slope.perUnit.toFixed(1)} ± ${(2 * slope.error).toFixed(1)} (${isJudged ? `bound ${most}` : "too short to judge"})`;
      return `  ${series.padEnd(16)}${firstMiB.toFixed(1).padStart(8)} → ${lastMiB.toFixed(1).padStart(8)}   ${band}`;
    }),
    "kept, messages and consumers: at first, at most, when all has expired",
    ...Object.keys(after).map((stream) => {
      const cells = [before, peak, after].map((of) => {
        const one = of[stream];
        return `${one?.messages ?? 0} / ${one?.consumers ?? 0}`.padStart(14);
      });
      return `  ${stream.padEnd(24)}${cells.join("")}`;
    }),
    ...problems.slice(0, 40).map((problem) => `PROBLEM     ${problem}`),
    problems.length === 0
      ? `ok          all counts are back; ${growth.every(({ isJudged }) => isJudged) ? "nothing clearly grows" : "too short to say what grows"}`
      : `FAILED      ${problems.length} problems; logs: ${rest.kept}`,
  ].join("\n");
}
