import type { Block, Program } from "./program.ts";
import type { Scenario } from "./scenario.ts";

/** Schedules that are played to make one smaller, at most. */
const PATIENCE = 400;

/**
 * Makes a scenario that fails smaller for as long as it fails in the same way.
 *
 * The seed stays: it also decides the order of steps.
 *
 * @param fails - true where a scenario fails as the first one did
 */
export async function shrink(
  scenario: Scenario,
  fails: (candidate: Scenario) => Promise<boolean>,
): Promise<Scenario> {
  let best = scenario;
  let left = PATIENCE;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smaller(best)) {
      if (left-- <= 0) return best;
      if (!(await fails(candidate))) continue;
      best = candidate;
      isSmaller = true;
      break;
    }
  }
  return best;
}

function* smaller(scenario: Scenario): Generator<Scenario> {
  for (const faults of without(scenario.faults)) yield { ...scenario, faults };
  for (const aims of without(scenario.aims)) yield { ...scenario, aims };
  for (const commands of without(scenario.commands)) yield { ...scenario, commands };
  if (scenario.runs.length > 1) {
    // Commands name runs by their place, so only the last one can go.
    const runs = scenario.runs.slice(0, -1);
    const commands = scenario.commands.filter(({ run }) => run < runs.length);
    yield { ...scenario, runs, commands };
  }
  if (scenario.workers > 1) yield { ...scenario, workers: scenario.workers - 1 };
  if (scenario.orchestrators > 1) yield { ...scenario, orchestrators: 1 };
  if (scenario.replicas > 1) yield { ...scenario, replicas: 1 };
  if (scenario.skewMs > 0) yield { ...scenario, skewMs: 0 };
  if (scenario.isUneven) yield { ...scenario, isUneven: false };
  if (scenario.haste > 0) yield { ...scenario, haste: 0 };
  if (scenario.concurrency > 1) yield { ...scenario, concurrency: 1 };
  for (const [i, program] of scenario.programs.entries()) {
    for (const one of smallerProgram(program)) {
      const programs = scenario.programs.with(i, one);
      yield { ...scenario, programs };
    }
  }
}

function* smallerProgram(program: Program): Generator<Program> {
  if (program.length > 1) yield* without(program);
  for (const [i, block] of program.entries()) {
    for (const one of smallerBlock(block)) yield program.with(i, one);
  }
}

function* smallerBlock(block: Block): Generator<Block> {
  if (block.type === "fork") {
    if (block.width > 1) yield { ...block, width: block.width - 1 };
    for (const body of smallerProgram(block.body)) yield { ...block, body };
  }
  if (block.type === "meet" && block.width > 1) yield { ...block, width: block.width - 1 };
  if (block.type === "loop" && block.rounds > 1) yield { ...block, rounds: 1 };
  if (block.type === "retry" && block.failures > 1) yield { ...block, failures: 1 };
  if (block.type !== "step") yield { type: "step", ms: 0 };
  else if (block.ms > 0) yield { ...block, ms: 0 };
}

function* without<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < all.length; i++) yield all.toSpliced(i, 1);
}
