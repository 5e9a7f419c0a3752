import { expect, it } from "vitest";
import { startUnchecked } from "../../src/cli/start-roads.ts";
import { MemoryWorld } from "../../src/memory/world.ts";

const run = { workflow: "orders", runId: "r", input: 1, context: {} };

it("publishes a request whose id the queue remembers, but of which nothing is kept", async () => {
  const world = new MemoryWorld();
  const backend = world.open();
  const { seq } = world.publishStart("orders", "no JSON", "r");
  await backend.queue.drop(seq);
  await startUnchecked(backend, run, Date.now);
  expect(await backend.queue.startsWaiting(5)).toMatchObject([{ workflow: "orders" }]);
});

it("refuses an id that a waiting request of somebody else has", async () => {
  const world = new MemoryWorld();
  world.publishStart("orders", '{"input":2}', "r");
  await expect(startUnchecked(world.open(), run, Date.now)).rejects.toMatchObject({
    code: "conflict",
  });
});
