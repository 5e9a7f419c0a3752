import { Session } from "node:inspector/promises";
import { startServer } from "./system.ts";
import { DistributedOrchestrator, DistributedWorker } from "../src/index.ts";
import { chain, fan, single } from "./workflows.ts";
import { writeFileSync } from "node:fs";
const s = await startServer();
const o = await DistributedOrchestrator.connect({ servers: s.url, workflows: [fan, chain] });
const w = await DistributedWorker.connect({ servers: s.url, workflows: [chain, fan, single], concurrency: 100 });
await w.start();
const mode = process.argv[2];
async function work() {
  if (mode === "fan") { for (let i=0;i<6;i++){ const id = await o.startRun(fan, 1000); await o.waitForCompletion(id);} }
  else { let n = 0; await Promise.all(Array.from({length: 100}, async () => { while (n++ < 1500) { const id = await o.startRun(chain, 0); await o.waitForCompletion(id); } })); }
}
await work();
const session = new Session(); session.connect();
await session.post("Profiler.enable"); await session.post("Profiler.setSamplingInterval", {interval: 500}); await session.post("Profiler.start");
const t = performance.now(); await work(); console.log(mode, performance.now() - t);
const { profile } = await session.post("Profiler.stop") as any;
const self = new Map<string, number>(); const dt = profile.timeDeltas; const idx = new Map(profile.nodes.map((n: any) => [n.id, n]));
profile.samples.forEach((id: number, i: number) => { const n: any = idx.get(id); const k = `${n.callFrame.functionName || "(anon)"} ${n.callFrame.url.split("/").slice(-2).join("/")}:${n.callFrame.lineNumber}`; self.set(k, (self.get(k) ?? 0) + dt[i]); });
const total = [...self.values()].reduce((a, b) => a + b, 0);
for (const [k, v] of [...self].sort((a, b) => b[1] - a[1]).slice(0, 40)) console.log((v / total * 100).toFixed(1).padStart(5), k);
await w.stop(); await o.close(); await s.stop(); process.exit(0);
