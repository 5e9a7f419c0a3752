// One worker in a process of its own, as users run it. Talks to the benchmark over the IPC channel.

import { DistributedWorker } from "../src/index.ts";
import type { WorkerSettings } from "./system.ts";
import { begun, chain, fan, single } from "./workflows.ts";

const [servers = "", concurrency = "100", settings = "{}"] = process.argv.slice(2);
const worker = await DistributedWorker.connect({
  ...(JSON.parse(settings) as WorkerSettings),
  servers,
  workflows: [chain, fan, single],
  concurrency: Number(concurrency),
});
await worker.start();
process.on("message", (message) => {
  if (message === "times") {
    process.send?.({ times: [...begun], cpu: process.cpuUsage() });
    begun.length = 0;
  }
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
