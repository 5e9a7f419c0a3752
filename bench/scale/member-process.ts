// A worker or a service in a process of its own, as users run it. Talks to the benchmark over the IPC channel.

import { DistributedWorker, OrchestratorService } from "#floxide";
import { flows, seen } from "./flows.ts";
import type { MemberReport, MemberSettings } from "./member.ts";

const { role, serves, servers, ...shared } = JSON.parse(process.argv[2] ?? "{}") as MemberSettings;
const options = {
  ...shared,
  servers: [...servers],
  workflows: serves.map((name) => flows[name]),
};
const member =
  role === "worker"
    ? await DistributedWorker.connect({ ...options, concurrency: 100 })
    : await OrchestratorService.connect(options);
await member.start();

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  const report: MemberReport = {
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    parked: seen.parked,
    woken: seen.woken,
    lateMs: seen.lateMs.splice(0),
  };
  process.send?.(report);
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
