import type { Mutant } from "./mutant.ts";
import { AROUND } from "./mutants-around.ts";
import { OF_WORKERS } from "./mutants-of-workers.ts";

/** Each is found by the simulation: see the README for how soon. */
export const MUTANTS: readonly Mutant[] = [...OF_WORKERS, ...AROUND];
