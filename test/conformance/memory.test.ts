import { MemoryWorld } from "../../src/memory/world.ts";
import { describeBackend } from "./suite.ts";

describeBackend("memory", async () => {
  const world = new MemoryWorld({ ackWaitMs: 400 });
  return {
    backend: world.open(),
    second: async () => world.open(),
    dispose: () => world.close(),
  };
});
