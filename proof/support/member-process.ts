// One worker or one orchestrator service in a process of its own. See `crew.ts`.

import "./shifted-clock.ts";
import { openSync, writeSync } from "node:fs";
import { pino } from "pino";
import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { faultFlows, instrument } from "../../test/support/fault-flows.ts";
import type { MemberSettings, Question } from "./crew.ts";
import { shiftClock } from "./shifted-clock.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as MemberSettings;
const { role, id, jetstream } = settings;

// Written in this very moment: a kill leaves the lines there.
const logger = pino(
  { level: settings.logLevel, base: { member: id } },
  pino.destination({ dest: settings.log, sync: true }),
);
const journal = openSync(settings.journal, "a");
instrument(({ run, item, node, attempt }) => {
  // The real time, whatever has been done to `Date`.
  const at = Math.round(performance.timeOrigin + performance.now());
  writeSync(journal, `${JSON.stringify({ run, item, node, attempt, at, worker: id })}\n`);
}, settings.paceMs);

process.on("message", (question: Question) => {
  if (question.type === "clock") shiftClock(question.offsetMs);
  else process.send?.(memory());
});
process.on("disconnect", () => process.exit(0));

const member = await (role === "worker" ? startWorker() : startService());
process.once("SIGTERM", () => {
  member.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error({ err: error }, "could not stop");
      process.exit(1);
    },
  );
});
process.send?.({ type: "ready" });

async function startWorker(): Promise<DistributedWorker> {
  const worker = await DistributedWorker.connect({
    ...jetstream,
    logger,
    workflows: faultFlows,
    workerId: id,
    concurrency: settings.concurrency,
    graceMs: settings.graceMs,
    heartbeatMs: 1_000,
  });
  await worker.start();
  return worker;
}

async function startService(): Promise<OrchestratorService> {
  const service = await OrchestratorService.connect({
    ...jetstream,
    logger,
    workflows: faultFlows,
    orchestratorId: id,
    repairEveryMs: settings.repairEveryMs,
    graceMs: settings.graceMs,
  });
  await service.start();
  return service;
}

function memory(): object {
  // Twice: what the first finds only by finalizers, the second takes away.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { type: "memory", rssBytes: rss, heapBytes: heapUsed, externalBytes: external };
}
