// A worker and an orchestrator service in a process of their own, as users run them. Tells how much memory it takes.

import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { flow } from "./doors/api.ts";

const [servers = ""] = process.argv.slice(2);
const workflows = [flow];
const worker = await DistributedWorker.connect({
  servers,
  workflows,
  concurrency: 64,
  ackWaitMs: 5_000,
});
const service = await OrchestratorService.connect({ servers, workflows, repairEveryMs: 1_000 });
await worker.start();
await service.start();
process.on("message", () => {
  process.send?.(process.memoryUsage().rss);
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
