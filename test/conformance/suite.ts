import { describe } from "vitest";
import type { Opened } from "./context.ts";
import { contextStoreTests } from "./context-store.ts";
import { controlBusTests } from "./control-bus.ts";
import { keyedStoreTests } from "./keyed-stores.ts";
import { queueDeliveryTests } from "./queue-delivery.ts";
import { queueScheduleTests } from "./queue-schedule.ts";
import { queueStartTests } from "./queue-start.ts";
import { queueUpkeepTests } from "./queue-upkeep.ts";
import { runInfoListTests } from "./run-info-list.ts";
import { runInfoScanTests } from "./run-info-scan.ts";
import { runInfoStoreTests } from "./run-info-store.ts";
import { streamStoreTests } from "./stream-stores.ts";

/**
 * What every backend must do: run against each adapter.
 *
 * @param open - a namespace of its own for each call, with an acknowledgement wait of 1.5 seconds at most
 */
export function describeBackend(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    contextStoreTests(open);
    runInfoStoreTests(open);
    runInfoListTests(open);
    runInfoScanTests(open);
    keyedStoreTests(open);
    streamStoreTests(open);
    controlBusTests(open);
    queueStartTests(open);
    queueDeliveryTests(open);
    queueScheduleTests(open);
    queueUpkeepTests(open);
  });
}
