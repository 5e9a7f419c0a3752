import { setTimeout as wait } from "node:timers/promises";
import type { Closers } from "./closers.ts";
import type { Display, Progress } from "./display.ts";
import { type Kill, killOne } from "./kill-one.ts";
import { aftermath, readLedger, repeated } from "./ledger.ts";
import { makePlan, type PlannedRun, WAYS } from "./plan.ts";
import type { DemoReport } from "./report.ts";
import { approve, known, start } from "./start-runs.ts";
import { type System, startSystem } from "./system.ts";
import { verify } from "./verify.ts";

const WORKERS = 3;
/** Share of the runs that have ended when a worker is killed. */
const KILL_AT = 0.3;
const STARTS_AT_ONCE = 8;
const SHOW_EVERY_MS = 150;
/** No run may take longer. */
const PATIENCE_MS = 45_000;

/** Runs everything, and says what came of it. Throws only where the demo itself cannot go on. */
export async function runDemo(display: Display, closers: Closers): Promise<DemoReport> {
  const system = await startSystem(closers, WORKERS, display.complain);
  display.say(`nats-server ${system.servers} (pid ${system.serverPid}), an orchestrator service`);
  for (const { workerId, pid } of system.workers) display.say(`${workerId} (pid ${pid})`);

  const plan = makePlan();
  const ended = new Set<string>();
  const problems: string[] = [];
  const show = showing(system, plan, ended, display);
  const startedAt = Date.now();
  const all = followAll(system, plan, (run, problem) => {
    ended.add(run.runId);
    if (problem !== null) problems.push(problem);
  });
  const isOver = (): boolean => ended.size === plan.length;
  const kill = await killOne(system, () => ended.size >= KILL_AT * plan.length, isOver);
  if (kill === null) problems.push("no worker was killed: the work ended before");
  else
    display.say(
      `${kill.victim.workerId} (pid ${kill.victim.pid}) killed in the middle of its work`,
    );
  const replacement = kill === null ? null : await system.addWorker();
  if (replacement !== null)
    display.say(`${replacement.workerId} (pid ${replacement.pid}) takes its place`);
  await all;
  const durationMs = Date.now() - startedAt;
  await show.stop();

  display.say("all runs have ended; checking every one");
  const items = await verifyAll(system, plan, problems);
  await Promise.all(system.workers.map((worker) => worker.stop()));
  const executed = await executions(system, kill, problems);
  return {
    ok: problems.length === 0,
    runs: {
      total: plan.length,
      byWay: countBy(plan, ({ way }) => way, WAYS),
      byWorkflow: countBy(plan, ({ workflow }) => workflow),
    },
    items,
    executions: executed.figures,
    kill:
      kill === null || executed.kill === null
        ? null
        : {
            workerId: kill.victim.workerId,
            pid: kill.victim.pid,
            afterMs: kill.at - startedAt,
            ...executed.kill,
            replacement: replacement?.workerId ?? null,
          },
    durationMs,
    runsPerSecond: perSecond(plan.length, durationMs),
    itemsPerSecond: perSecond(items, durationMs),
    problems,
  };
}

/** Starts all runs, some at a time, and follows each to its end. Never rejects: what goes wrong is a problem. */
async function followAll(
  system: System,
  plan: readonly PlannedRun[],
  onEnd: (run: PlannedRun, problem: string | null) => void,
): Promise<void> {
  const waiting = plan.values();
  const followed: Promise<void>[] = [];
  const fail = (run: PlannedRun) => (error: unknown) => onEnd(run, `${run.runId}: ${error}`);
  const starter = async (): Promise<void> => {
    for (const run of waiting) {
      await start(system, run).then(
        () => followed.push(follow(system, run).then(() => onEnd(run, null), fail(run))),
        fail(run),
      );
    }
  };
  await Promise.all(Array.from({ length: STARTS_AT_ONCE }, starter));
  await Promise.all(followed);
}

async function follow(system: System, run: PlannedRun): Promise<void> {
  await known(system, run.runId);
  await approve(system, run);
  await system.orchestrator.waitForCompletion(run.runId, { timeoutMs: PATIENCE_MS });
}

/** @returns how many items were committed in all */
async function verifyAll(
  system: System,
  plan: readonly PlannedRun[],
  problems: string[],
): Promise<number> {
  let items = 0;
  for (const run of plan) {
    const verified = await verify(system.orchestrator, run).catch((error: unknown) => ({
      items: 0,
      problems: [`${run.runId}: ${error}`],
    }));
    items += verified.items;
    problems.push(...verified.problems);
  }
  const letters = await system.orchestrator.deadLetters();
  problems.push(...letters.map(({ reason }) => `dead letter: ${reason}`));
  return items;
}

/** What the ledgers say. */
async function executions(system: System, kill: Kill | null, problems: string[]) {
  const ledgers = await Promise.all(system.workers.map(({ ledger }) => readLedger(ledger)));
  const begun = ledgers.flat().filter(({ type }) => type === "begin").length;
  const figures = { begun, repeated: repeated(ledgers) };
  if (kill === null) return { figures, kill: null };
  const place = system.workers.indexOf(kill.victim);
  const others = ledgers.filter((_, i) => i !== place);
  const { abandoned, ...after } = aftermath(ledgers[place] ?? [], others, kill.at);
  if (after.inFlight === 0) problems.push("the killed worker had nothing in hand");
  problems.push(
    ...abandoned.map((key) => `nobody did again what the killed worker had in hand: ${key}`),
  );
  return { figures, kill: after };
}

/** Shows the progress until it is stopped. */
function showing(
  system: System,
  plan: readonly PlannedRun[],
  ended: ReadonlySet<string>,
  display: Display,
) {
  const totals = countBy(plan, ({ workflow }) => workflow);
  let over = false;
  const look = async (): Promise<Progress> => ({
    workflows: Object.entries(totals).map(([name, total]) => ({
      name,
      total,
      done: plan.filter(({ workflow, runId }) => workflow === name && ended.has(runId)).length,
    })),
    workers: await Promise.all(
      system.workers.map(async ({ workerId, running, ledger }) => ({
        name: workerId,
        state: running ? "works" : "dead",
        executed: (await readLedger(ledger)).filter(({ type }) => type === "end").length,
      })),
    ),
  });
  const loop = (async () => {
    while (!over) {
      display.progress(await look());
      await wait(SHOW_EVERY_MS);
    }
    display.progress(await look());
  })();
  return {
    stop: async () => {
      over = true;
      await loop;
    },
  };
}

function countBy<T>(all: readonly T[], keyOf: (one: T) => string, keys: readonly string[] = []) {
  const counts: Record<string, number> = Object.fromEntries(keys.map((key) => [key, 0]));
  for (const one of all) counts[keyOf(one)] = (counts[keyOf(one)] ?? 0) + 1;
  return counts;
}

function perSecond(count: number, ms: number): number {
  return Math.round((count * 10_000) / ms) / 10;
}
