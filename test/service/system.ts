import { onTestFinished } from "vitest";
import type { Logger } from "../../src/core/logger.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { ServiceOptions } from "../../src/service/options.ts";
import { Service } from "../../src/service/service.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";
import { FakeTransport } from "./fake-transport.ts";

/** A service on stores in memory, with a worker, and a transport to ask it by. All of it ends with the test. */
export async function serviceWith(
  workflows: readonly AnyWorkflow[],
  options: ServiceOptions & { readonly log?: Logger; readonly worker?: boolean } = {},
) {
  const { log, worker = true, ...others } = options;
  const world = new MemoryWorld();
  const backend = world.open();
  const orchestrator = new Orchestrator({ backend, workflows });
  const transport = new FakeTransport();
  const service = new Service(
    {
      orchestrator,
      workflows,
      transport,
      namespace: "floxide",
      subjectOf: (verb) => `floxide.api.${verb}`,
      version: "1.2.3",
      log,
    },
    { repairEveryMs: 0, graceMs: 1_000, ...others },
  );
  await service.start();
  const works = worker ? [new Worker({ backend: world.open(), workflows })] : [];
  for (const one of works) await one.start();
  onTestFinished(async () => {
    await service.stop();
    for (const one of works) await one.stop({ graceMs: 0 });
    await orchestrator.close();
    await backend.close();
  });
  return { service, orchestrator, transport, backend, ask: transport.ask.bind(transport) };
}
