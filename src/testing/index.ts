// For tests of workflows: the engine on stores in memory, with time in the test's hands, or a server of the test's own.

export { type Clock, systemClock } from "../core/clock.ts";
export type { Backend } from "../core/ports/backend.ts";
export {
  NatsServer,
  type StartNatsServerOptions,
  startNatsServer,
} from "../jetstream/server/start.ts";
export { LocalSystem, type LocalSystemOptions } from "../local/local-system.ts";
export { type RunLocalOptions, runLocal } from "../local/run-local.ts";
export { openMemoryBackend } from "../memory/backend.ts";
export type { MemoryOptions } from "../memory/options.ts";
export { ManualClock } from "../memory/timers.ts";
export { MemoryWorld } from "../memory/world.ts";
export { Orchestrator } from "../orchestrator/orchestrator.ts";
export { Worker } from "../worker/worker.ts";
