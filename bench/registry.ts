import type { Scenario } from "./scenario.ts";
import { chains } from "./scenarios/a-chains.ts";
import { fourWorkers } from "./scenarios/a4-four-workers.ts";
import { oneAtATime } from "./scenarios/b-one-at-a-time.ts";
import { forks } from "./scenarios/c-forks.ts";
import { slowBranches } from "./scenarios/c4-slow-branches.ts";
import { starts } from "./scenarios/d-starts.ts";
import { largeContext } from "./scenarios/e-large-context.ts";
import { wakeUp } from "./scenarios/f-wake-up.ts";
import { stored } from "./scenarios/g-stored.ts";
import { sleeping } from "./scenarios/h-sleeping.ts";
import { idle } from "./scenarios/i-idle.ts";
import { retention } from "./scenarios/j-retention.ts";
import { durable } from "./scenarios/k-durable.ts";
import { blockedLoop } from "./scenarios/l-blocked-loop.ts";
import { partitions } from "./scenarios/p-partitions.ts";
import { signed } from "./scenarios/s-signed.ts";

/** All scenarios, in the order in which they are run. */
export const scenarios: readonly Scenario[] = [
  chains,
  fourWorkers,
  oneAtATime,
  forks,
  slowBranches,
  starts,
  largeContext,
  wakeUp,
  stored,
  sleeping,
  idle,
  retention,
  durable,
  blockedLoop,
  partitions,
  signed,
];
