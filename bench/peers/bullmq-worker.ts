// The worker process of BullMQ. It talks to the benchmark over the IPC channel, as `worker-process.ts` does.

import { NODES } from "../chains.ts";
import { begun, sharedNow } from "../notes.ts";
import type { WorkerReport } from "../worker.ts";
import { type Job, loadBullMq } from "./bullmq-package.ts";

const [given = "{}"] = process.argv.slice(2);
const { port, concurrency } = JSON.parse(given) as { port: number; concurrency: number };
const bullmq = await loadBullMq();
if (bullmq === null) throw new Error("bullmq is not installed: npm ci --prefix bench/peers");
const connection = { host: "127.0.0.1", port };
const jobs = new bullmq.Queue("jobs", { connection });

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const processors: Readonly<Record<string, (job: Job) => Promise<number>>> = {
  // Ten jobs in a row: each adds the next.
  jobs: async ({ data: { run = 0, node = 1, value = 0 } }) => {
    begun.push(sharedNow());
    if (node < NODES) {
      const next = { run, node: node + 1, value: value + 1 };
      await jobs.add("node", next, { jobId: `${run}-${node + 1}` });
    }
    return value + 1;
  },
  // Ten jobs in a row: each is the parent of the one before it, and takes over what that one has returned.
  flow: async (job) => {
    begun.push(sharedNow());
    const { first = 0 } = job.data;
    return first === 1 ? 1 : sum(Object.values(await job.getChildrenValues())) + 1;
  },
  // One job that saves after each of ten steps how far it is.
  steps: async (job) => {
    let { node = 1, value = 0 } = job.data;
    for (; node <= NODES; node++) {
      begun.push(sharedNow());
      value++;
      if (node < NODES) await job.updateData({ node: node + 1, value });
    }
    return value;
  },
  fork: async (job) => {
    const { item } = job.data;
    return item === undefined ? sum(Object.values(await job.getChildrenValues())) : item * 2;
  },
};

const workers = Object.entries(processors).map(
  ([queue, processor]) =>
    new bullmq.Worker(queue, processor, {
      connection: { ...connection, maxRetriesPerRequest: null },
      concurrency,
    }),
);
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.on("message", (message) => {
  if (message !== "report") return;
  const { user, system } = process.cpuUsage();
  const value: WorkerReport = {
    begun: begun.splice(0),
    noted: [],
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
    logged: [],
  };
  process.send?.({ kind: "report", value });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ kind: "ready" });
