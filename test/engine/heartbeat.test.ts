import { expect, test } from "vitest";
import { silentLogger } from "../../src/core/logger.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Worker } from "../../src/worker/worker.ts";
import { chain } from "../support/flows.ts";

test("a heartbeat that is not written is said once, without a stack, however many were due meanwhile", async () => {
  const clock = new ManualClock({ startMs: 0 });
  const backend = new MemoryWorld({ clock }).open();
  const lines: object[] = [];
  let fail: (() => void) | null = null;
  let isAway = false;
  const { liveness } = backend;
  const put: typeof liveness.put = (heartbeat) =>
    isAway
      ? new Promise((_resolve, reject) => {
          fail = () => reject(new Error("the connection to NATS is closed"));
        })
      : liveness.put(heartbeat);
  const away = Object.assign(Object.create(liveness) as typeof liveness, {
    put,
    remove: (id: string) => liveness.remove(id),
  });
  const log = {
    ...silentLogger,
    warn: (fields: object, message: string) => lines.push({ ...fields, message }),
  };
  const parts = { backend: { ...backend, liveness: away }, workflows: [chain(1)], clock, log };
  const worker = new Worker(parts, { workerId: "w", heartbeatMs: 1_000 });
  await worker.start();
  isAway = true;
  await clock.advance(5_000);
  expect(lines).toEqual([]);
  (fail as (() => void) | null)?.();
  await clock.advance(1);
  expect(lines).toEqual([
    {
      message: "heartbeat not written",
      reason: "the connection to NATS is closed",
      workerId: "w",
    },
  ]);
  isAway = false;
  await worker.stop({ graceMs: 0 });
});
