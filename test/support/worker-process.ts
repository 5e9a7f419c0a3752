// One worker in a process of its own, for tests that kill it. See `fleet.ts`.

import { openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { DistributedWorker } from "../../src/index.ts";
import { faultFlows, instrument } from "./fault-flows.ts";

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "" },
    worker: { type: "string", default: "" },
    journal: { type: "string", default: "" },
    concurrency: { type: "string", default: "4" },
    pace: { type: "string", default: "5" },
    grace: { type: "string", default: "500" },
  },
});

// Written before the node does anything, and by the time this returns in the kernel's hands: a kill leaves it there.
const journal = openSync(values.journal, "a");
instrument(({ run, item, node, attempt, at }) => {
  writeSync(
    journal,
    `${JSON.stringify({ run, item, node, attempt, at, worker: values.worker })}\n`,
  );
}, Number(values.pace));

const worker = await DistributedWorker.connect({
  servers: values.servers,
  workflows: faultFlows,
  workerId: values.worker,
  concurrency: Number(values.concurrency),
  graceMs: Number(values.grace),
  heartbeatMs: 1_000,
});
process.once("SIGTERM", () => {
  worker.stop().then(() => process.exit(0));
});
process.on("disconnect", () => process.exit(0));
await worker.start();
process.send?.("ready");
