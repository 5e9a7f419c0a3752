import { describe, expectTypeOf, test } from "vitest";
import type {
  DistributedOrchestrator,
  PartitionedOrchestrator,
  RunId,
  RunInfo,
} from "../../src/index.ts";
import { approval, fanOut } from "../support/flows.ts";

declare const orchestrator: PartitionedOrchestrator;

describe("an orchestrator of partitions", () => {
  test("has every method of one without them", () => {
    expectTypeOf<
      Exclude<keyof DistributedOrchestrator, keyof PartitionedOrchestrator>
    >().toBeNever();
  });

  test("takes the input of the workflow, and no other", () => {
    orchestrator.startRun(approval, { timeoutMs: null }, { context: { notes: ["x"] } });
    orchestrator.startRun("approval", "anything");
    // @ts-expect-error -- the start node takes an object
    orchestrator.startRun(approval, 1);
    // @ts-expect-error -- there is no such context field
    orchestrator.startRun(approval, { timeoutMs: null }, { context: { nobody: 1 } });
  });

  test("knows what a run gives", () => {
    expectTypeOf(orchestrator.startRun(fanOut, 3)).resolves.toEqualTypeOf<
      RunId<{ sum: number; inOrder: boolean }>
    >();
    const runId = "r" as RunId<{ sum: number }>;
    expectTypeOf(orchestrator.result(runId)).resolves.toEqualTypeOf<{ sum: number }>();
    expectTypeOf(orchestrator.waitForCompletion(runId)).resolves.toEqualTypeOf<RunInfo>();
  });

  test("takes no run id that is none, and no option that there is not", () => {
    // @ts-expect-error -- a number
    orchestrator.status(1);
    // @ts-expect-error -- a misspelt option
    orchestrator.waitForCompletion("r", { timeout: 1 });
  });
});
