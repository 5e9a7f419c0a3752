// Failures are tried again by the node's policy. The waits are kept in JetStream: a worker that dies loses none.

import { z } from "zod";
import { FatalError, next, node, RetryLater, runLocal, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Parcel = z.object({
  to: z.string(),
  /** Attempts that meet a closed door before one does not. */
  closedDoors: z.number().int().nonnegative(),
});

/** Stands for a call to somebody else's service. `attempt` counts from 1. */
function knock({ to, closedDoors }: z.infer<typeof Parcel>, attempt: number): "open" {
  // Trying again is pointless: no more attempts, whatever the policy says.
  if (to === "") throw new FatalError("a parcel needs an address");
  // The other side says when to come back. It counts as an attempt, and waits as long as it is told.
  if (to === "office" && attempt === 1) {
    throw new RetryLater({ afterMs: 30, reason: "closed for lunch" });
  }
  if (attempt <= closedDoors) throw new Error(`nobody opens at ${to}`);
  return "open";
}

const deliver = node({
  input: Parcel,
  output: z.object({ to: z.string(), attempts: z.number() }),
  // Waits 20, 40 and 80 ms. `jitter` (0 to 1) would spread many that fail together.
  retry: { maxAttempts: 4, initialMs: 20, backoff: "exponential", jitter: 0 },
  // Each attempt for itself may take that long.
  timeoutMs: 1_000,
  run: ({ attempt }, parcel) => {
    knock(parcel, attempt);
    return next({ to: parcel.to, attempts: attempt });
  },
});

export const delivery = workflow({
  name: "delivery",
  version: 1,
  nodes: { deliver },
  start: "deliver",
  edges: { deliver: [] },
});

await runDirectly(import.meta, async () => {
  const parcels = [
    { to: "home", closedDoors: 2 },
    { to: "office", closedDoors: 0 },
    { to: "nowhere", closedDoors: 99 },
    { to: "", closedDoors: 0 },
  ];
  for (const parcel of parcels) {
    await runLocal(delivery, parcel).then(
      ({ to, attempts }) => console.log(`${to}: delivered, attempt ${attempts}`),
      (error: Error) => console.log(error.message),
    );
  }
});
