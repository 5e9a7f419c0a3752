import type { Mode } from "../support/deployment.ts";
import { readOptions, refuse } from "../support/options.ts";
import { type ChaosReport, tableOf } from "./report.ts";
import { runChaos } from "./run.ts";

const USAGE =
  "npm run chaos -- [--minutes 2] [--seed 1] [--mode single|cluster|both] [--rate N] [--workers 3] [--services 2] [--quiet 2500] [--kinds a,b] [--deletions] [--json]";
const values = readOptions(USAGE, {
  minutes: { type: "string", default: "2" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  mode: { type: "string", default: "both" },
  rate: { type: "string" },
  workers: { type: "string", default: "3" },
  services: { type: "string", default: "2" },
  quiet: { type: "string", default: "2500" },
  kinds: { type: "string" },
  deletions: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
});
const modes: readonly Mode[] | undefined = {
  single: ["single"] as const,
  cluster: ["cluster"] as const,
  both: ["single", "cluster"] as const,
}[values.mode];
const numbers = [
  values.minutes,
  values.seed,
  values.rate ?? 1,
  values.workers,
  values.services,
  values.quiet,
].map(Number);
if (modes === undefined || numbers.some((one) => !(one >= 0))) {
  refuse("--mode is single, cluster or both; the others are numbers, 0 or more", USAGE);
}
/** Three servers and their copies share the same cores. */
const RATES = { single: 30, cluster: 8 } as const;

// Processes, servers and mounts go with this one.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const reports: ChaosReport[] = [];
for (const mode of modes) {
  const report = await runChaos({
    mode,
    seed: Number(values.seed),
    durationMs: Number(values.minutes) * 60_000,
    rate: Number(values.rate ?? RATES[mode]),
    workers: Number(values.workers),
    services: Number(values.services),
    quietMs: Number(values.quiet),
    deletions: values.deletions,
    ...(values.kinds === undefined ? {} : { kinds: values.kinds.split(",") }),
    onProgress: (line) => console.error(line),
  });
  reports.push(report);
  if (!values.json) console.log(tableOf(report));
}
if (values.json) console.log(JSON.stringify(reports, null, 2));
process.exit(reports.some(({ violations }) => violations.length > 0) ? 1 : 0);
