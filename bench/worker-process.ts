// One worker in a process of its own, as users run it. Talks to the benchmark over the IPC channel.

import type { Logger } from "#floxide";
import { DistributedWorker, PartitionedWorker } from "#floxide";
import { begun, blockOnce, noted } from "./notes.ts";
import type { WorkerReport, WorkerSettings } from "./worker.ts";
import { workflows } from "./workflows.ts";

const [given = "{}"] = process.argv.slice(2);
const { serves, blocks, partitions, ...options } = JSON.parse(given) as WorkerSettings & {
  servers: string[];
};
const logged: string[] = [];
const note = (...[first, second]: unknown[]): void => {
  logged.push(typeof first === "string" ? first : String(second));
};
const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note };

if (blocks === true) {
  blockOnce(() => new Promise((sent) => process.send?.({ kind: "blocked" }, sent)));
}
const wanted = {
  ...options,
  workflows: (serves ?? ["chain", "fan", "single"]).map((name) => workflows[name]),
  logger,
};
const worker = await (partitions === undefined
  ? DistributedWorker.connect(wanted)
  : PartitionedWorker.connect({ ...wanted, partitions }));
await worker.start();
process.on("message", (message) => {
  if (message !== "report") return;
  const { user, system } = process.cpuUsage();
  const value: WorkerReport = {
    begun: begun.splice(0),
    noted: noted.splice(0),
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
    logged: logged.splice(0),
  };
  process.send?.({ kind: "report", value });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ kind: "ready" });
