// One worker in a process of its own. The demo talks to it over the IPC channel: when that closes, for whatever reason, the
// worker ends.

import { DistributedWorker } from "../../src/index.ts";
import { observed } from "./ledger.ts";
import { WORKFLOWS } from "./workflows.ts";

/** What the demo tells its workers. */
export interface WorkerTask {
  readonly servers: string;
  readonly workerId: string;
  readonly ledger: string;
  readonly paceMs: number;
  readonly ackWaitMs: number;
  readonly concurrency: number;
}

const task = JSON.parse(process.argv[2] ?? "{}") as WorkerTask;
const { servers, workerId, ledger, paceMs, ackWaitMs, concurrency } = task;
const worker = await DistributedWorker.connect({
  servers,
  workerId,
  ackWaitMs,
  concurrency,
  heartbeatMs: 250,
  workflows: WORKFLOWS.map((workflow) => observed(workflow, ledger, paceMs)),
});
process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  if (message !== "stop") return;
  worker.stop({ graceMs: 2_000 }).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
await worker.start();
process.send?.("ready");
