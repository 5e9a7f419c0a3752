import { setTimeout as pause } from "node:timers/promises";
import { isFloxideError, type Orchestrator } from "../../src/index.ts";
import { accountOf } from "../../test/support/account.ts";
import type { Execution } from "../../test/support/fault-flows.ts";
import type { Served } from "./customers.ts";
import type { Scene } from "./scene.ts";
import type { FinishedRun, Leftovers } from "./verdict.ts";

/** All that there is to judge when the storm is over. */
export interface Stock {
  readonly runs: readonly FinishedRun[];
  readonly leftovers: Leftovers;
  readonly executions: readonly Execution[];
  /** Answers of nodes that did not count, because another one had. */
  readonly refused: number;
  /** Nodes that began although `pause` had returned: of workers that were cut off. */
  readonly startsWhilePaused: number;
  /** Executions that were lost with their worker, as the runs count them. */
  readonly lost: number;
}

const PAGE = 20;
const EMPTY_MS = 30_000;

export async function takeStock(parts: {
  readonly scene: Scene;
  readonly observer: Orchestrator;
  readonly served: readonly Served[];
}): Promise<Stock> {
  const { scene, observer, served } = parts;
  const { crew } = scene;
  const queued = await messagesLeft(scene);
  const executions = await crew.executions();
  const executed = new Set(executions.map(({ run, item }) => `${run}/${item}`));
  const runs: FinishedRun[] = [];
  let lost = 0;
  for (let i = 0; i < served.length; i += PAGE) {
    const page = served.slice(i, i + PAGE).map(async (one) => {
      runs.push(await finished(scene, observer, one, executed));
      lost += await lostOf(observer, one);
    });
    await Promise.all(page);
  }
  const letters = await observer.deadLetters({ limit: 1_000 });
  const commits = runs.reduce((sum, { account }) => sum + (account?.completedItems ?? 0), 0);
  return {
    runs,
    leftovers: {
      queued,
      deadLetters: letters.map(({ code, runId, reason }) => `${code} ${runId}: ${reason}`),
      crashed: crew.crashed(),
      executions: executions.length,
      commits,
    },
    executions,
    refused: await crew.logged("answer not counted"),
    startsWhilePaused: startedWhilePaused(served, executions),
    lost,
  };
}

/** What stays in the work stream although everything has had time to go, message by message. */
async function messagesLeft({ admin: { jsm }, direct }: Scene): Promise<string[]> {
  const stream = direct.names.workStream;
  const deadline = performance.now() + EMPTY_MS;
  for (;;) {
    const { state } = await jsm.streams.info(stream, { subjects_filter: ">" });
    const subjects = Object.keys(state.subjects ?? {});
    if (subjects.length === 0) return [];
    if (performance.now() > deadline) {
      const consumers = (await jsm.consumers.list(stream).next()).map(
        ({ name, num_ack_pending, num_pending, ack_floor, delivered }) =>
          `${name}: ${num_ack_pending} in hand, ${num_pending} to come, floor ${ack_floor.stream_seq}, delivered ${delivered.stream_seq}`,
      );
      const messages = subjects.slice(0, 20).map(async (subject) => {
        const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
        const { seq = 0, time = new Date(0) } = message ?? {};
        const schedule = message?.header?.get("Nats-Schedule") ?? "";
        return `${subject}, seq ${seq}, of ${time.toISOString()} ${schedule} ${message?.string()}`;
      });
      return [...(await Promise.all(messages)), ...consumers];
    }
    await pause(250);
  }
}

async function finished(
  { direct }: Scene,
  observer: Orchestrator,
  { plan, acceptedAt, told, fence, complaints }: Served,
  executed: ReadonlySet<string>,
): Promise<FinishedRun> {
  const now = fence === null ? null : await direct.contexts.get(plan.runId);
  return {
    plan,
    accepted: acceptedAt !== null,
    told: told !== null,
    account: await known(accountOf(observer, plan.runId, executed)),
    fence: fence === null ? null : { before: fence, after: now?.revision ?? 0 },
    complaints,
  };
}

async function lostOf(observer: Orchestrator, { plan }: Served): Promise<number> {
  return (await known(observer.metrics(plan.runId)))?.lost ?? 0;
}

async function known<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking;
  } catch (error) {
    if (isFloxideError(error, "not_found")) return null;
    throw error;
  }
}

function startedWhilePaused(served: readonly Served[], executions: readonly Execution[]): number {
  const windows = new Map(served.map(({ plan, paused }) => [plan.runId, paused]));
  return executions.filter(({ run, at }) => {
    const window = windows.get(run) ?? null;
    return window !== null && at > window[0] && at < window[1];
  }).length;
}
