import { fork } from "node:child_process";
import { once } from "node:events";
import { readOptions, refuse } from "../support/options.ts";
import { BATCH, type Told } from "./batch.ts";
import { DOORS } from "./doors.ts";
import { describe, type Finding, newTally, type Tally, tableOf } from "./report.ts";

const USAGE =
  "npm run fuzz -- [--cases 20000] [--seed S] [--door start,api,…] [--seconds N] [--json]";
const values = readOptions(USAGE, {
  cases: { type: "string", default: "20000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  door: { type: "string", default: DOORS.map(({ name }) => name).join(",") },
  seconds: { type: "string", default: "0" },
  json: { type: "boolean", default: false },
});
const wanted = values.door.split(",").map((name) => name.trim());
const unknown = wanted.filter((name) => !DOORS.some((one) => one.name === name));
const [cases, firstSeed, seconds] = [values.cases, values.seed, values.seconds].map(Number);
if (unknown.length > 0) {
  const doors = DOORS.map(({ name }) => name).join(", ");
  refuse(`no door ${unknown.join(", ")}; there are ${doors}`, USAGE);
}
if (!((cases ?? 0) > 0) || !Number.isSafeInteger(firstSeed) || !((seconds ?? 0) >= 0)) {
  refuse("--cases is a number above 0, --seed a whole one, --seconds 0 or more", USAGE);
}

/** Milliseconds that one case may take. */
const CASE_MS = 10_000;
/** Findings of one door after which it is left: they are mostly one fault. */
const ENOUGH = 5;
/** A door must do with this much memory, in MiB, however many cases it gets. */
const HEAP_MIB = 768;

/** Tries so many batches in a process of their own, which may crash or hang. */
async function tryBatches(
  tally: Tally,
  findings: Finding[],
  seed: number,
  batches: number,
  until: number,
): Promise<number> {
  const program = new URL("./try-door.ts", import.meta.url);
  const child = fork(program, [tally.door, String(seed), String(batches), String(CASE_MS)], {
    execArgv: ["--import", "tsx", "--expose-gc", `--max-old-space-size=${HEAP_MIB}`],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let done = 0;
  let said = "";
  let base: number | null = null;
  let wasStopped = false;
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4_000);
  };
  child.stdout?.on("data", listen);
  child.stderr?.on("data", listen);
  child.on("message", (told: Told) => {
    if (told.type === "fault") {
      tally.faults += 1;
      if (findings.length < ENOUGH) findings.push({ door: tally.door, what: "fault", ...told });
      return;
    }
    done += 1;
    base ??= told.heapBytes;
    add(tally, told, base);
    if (Date.now() > until || tally.faults >= ENOUGH) {
      wasStopped = true;
      child.kill("SIGKILL");
    }
  });
  await once(child, "close");
  if (wasStopped) return batches;
  if (child.exitCode === 0) return done;
  const [, hangs, index] = /HANG (-?\d+) (\d+)/.exec(said) ?? [];
  const what = hangs === undefined ? "crash" : "hang";
  if (what === "hang") tally.hangs += 1;
  else tally.crashes += 1;
  findings.push({
    door: tally.door,
    what,
    seed: Number(hangs ?? seed + done),
    index: Number(index ?? -1),
    shown: "",
    why: said.trim(),
  });
  // The batch that ended the process is not tried again.
  return done + 1;
}

function add(tally: Tally, told: Extract<Told, { type: "batch" }>, base: number): void {
  tally.cases += told.cases;
  tally.longestMs = Math.max(tally.longestMs, told.longestMs);
  tally.heapGrowthBytes = Math.max(tally.heapGrowthBytes, told.heapBytes - base);
  for (const [verdict, count] of Object.entries(told.verdicts)) {
    const code = verdict as keyof Tally["verdicts"];
    tally.verdicts[code] = (tally.verdicts[code] ?? 0) + count;
  }
}

async function tryDoor(name: string): Promise<{ tally: Tally; findings: Finding[] }> {
  const tally = newTally(name);
  const findings: Finding[] = [];
  const began = Date.now();
  const until = (seconds ?? 0) > 0 ? began + (seconds ?? 0) * 1_000 : Number.POSITIVE_INFINITY;
  const batches = Math.ceil((cases ?? 0) / BATCH);
  const most = DOORS.find((one) => one.name === name)?.batchesPerProcess ?? batches;
  for (let batch = 0; batch < batches && findings.length < ENOUGH && Date.now() < until; ) {
    const left = Math.min(batches - batch, most);
    batch += await tryBatches(tally, findings, (firstSeed ?? 0) + batch, left, until);
  }
  tally.seconds = (Date.now() - began) / 1_000;
  return { tally, findings };
}

const tallies: Tally[] = [];
const findings: Finding[] = [];
for (const name of wanted) {
  if (!values.json) console.error(`${name} …`);
  const tried = await tryDoor(name);
  tallies.push(tried.tally);
  findings.push(...tried.findings);
}
if (values.json) console.log(JSON.stringify({ seed: firstSeed, tallies, findings }, null, 2));
else {
  console.log(`seed ${firstSeed}`);
  console.log(tableOf(tallies));
  for (const finding of findings) console.log(`\n${describe(finding)}`);
  console.log(findings.length === 0 ? "nothing found" : `\n${findings.length} found`);
}
process.exitCode = findings.length === 0 ? 0 : 1;
