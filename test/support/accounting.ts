import { expect } from "vitest";
import type { Orchestrator } from "../../src/index.ts";
import { accountOf, exactly } from "./account.ts";
import type { Execution, Expected } from "./fault-flows.ts";

const PAGE = 40;

/** Fails with all that differs where a run is not exactly what it must be. */
export async function expectExactly(
  orchestrator: Orchestrator,
  expected: ReadonlyMap<string, Expected>,
  executions: readonly Execution[],
): Promise<void> {
  const executed = new Set(executions.map(({ run, item }) => `${run}/${item}`));
  const runs = [...expected];
  const wrong: unknown[] = [];
  for (let i = 0; i < runs.length; i += PAGE) {
    await Promise.all(
      runs.slice(i, i + PAGE).map(async ([runId, one]) => {
        const account = await accountOf(orchestrator, runId, executed);
        const must = exactly(one);
        if (JSON.stringify(account) !== JSON.stringify(must)) wrong.push({ runId, account, must });
      }),
    );
  }
  expect(wrong).toEqual([]);
}
