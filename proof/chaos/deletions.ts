import { setTimeout as pause } from "node:timers/promises";
import { type DistributedOrchestrator, isFloxideError } from "../../src/index.ts";
import type { Scene } from "./scene.ts";

/** What was seen when a stream or consumer was deleted under a running system. */
export interface Deletion {
  readonly what: string;
  /** What a caller who starts a run then is told. */
  readonly startSays: string;
  /** How that run stands some seconds later. */
  readonly meanwhile: string;
  /** True where it was there again some seconds later, without anybody's help. */
  readonly cameBack: boolean;
  /** True where it was there again when another process had started. */
  readonly madeByStart: boolean;
  /** What somebody is told who waits for a run that is started after that. */
  readonly runAfter: string;
  /** How that run stands in the end, whatever the one who waited for it was told. */
  readonly statusAfter: string;
}

const BACK_MS = 6_000;
const END_MS = 20_000;

/** Deletes each stream in turn, as no operator should, and looks at what comes back. */
export async function tryDeletions(
  scene: Scene,
  client: DistributedOrchestrator,
): Promise<Deletion[]> {
  const { names } = scene.direct;
  const streams = [
    names.historyStream,
    names.deadStream,
    ...(["liveness", "errors", "metrics", "runs", "context"] as const).map(names.bucketStream),
    names.workStream,
  ];
  const seen: Deletion[] = [];
  for (const stream of streams) seen.push(await tryDeletion(scene, client, stream));
  return seen;
}

async function tryDeletion(
  scene: Scene,
  client: DistributedOrchestrator,
  stream: string,
): Promise<Deletion> {
  const { admin, crew } = scene;
  await admin.jsm.streams.delete(stream);
  const runId = `without-${stream}`;
  const startSays = await told(() => client.startRun("fault-chain", 1, { runId }));
  await pause(BACK_MS);
  const meanwhile = await told(() => client.status(runId));
  const cameBack = await isThere(scene, stream);
  // Whoever connects makes what is not there.
  const added = await crew.add("service");
  const madeByStart = await isThere(scene, stream);
  const nextId = `after-${stream}`;
  const runAfter = await told(async () => {
    await client.startRun("fault-chain", 1, { runId: nextId });
    const { status } = await client.waitForCompletion(nextId, { timeoutMs: END_MS });
    return status;
  });
  const statusAfter = await told(() => client.status(nextId));
  await added.stop();
  return { what: stream, startSays, meanwhile, cameBack, madeByStart, runAfter, statusAfter };
}

async function isThere({ admin }: Scene, stream: string): Promise<boolean> {
  try {
    await admin.jsm.streams.info(stream);
    return true;
  } catch {
    return false;
  }
}

async function told(attempt: () => Promise<string>): Promise<string> {
  try {
    return await attempt();
  } catch (error) {
    return isFloxideError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}
