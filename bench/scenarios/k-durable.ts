import { type Bound, type Measured, type Mode, rejudged } from "../figure.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { chains } from "./a-chains.ts";
import { oneAtATime } from "./b-one-at-a-time.ts";
import { forks } from "./c-forks.ts";
import { starts } from "./d-starts.ts";

const MODES: readonly Mode[] = ["fsync", "r3"];

/** K: whether A to D stay as near to the raw limit where the servers take more care. */
export const durable: Scenario = {
  name: "K",
  title: "A to D with each write synced, and with three copies of everything",
  run: async (bench) => {
    const figures: (Measured & { readonly mode: Mode })[] = [];
    for (const mode of MODES) {
      for (const scenario of [chains, oneAtATime, forks, starts]) {
        const say = (line: string): void => bench.say(`${scenario.name} (${mode}) ${line}`);
        const within: Bench = { ...bench, mode, widths: bench.widths.slice(0, 1), say };
        for (const one of await scenario.run(within)) {
          const what = `${scenario.name}: ${one.what}`;
          figures.push({ ...rejudged(one, boundsOf(one)), what, mode });
        }
      }
    }
    return figures;
  },
};

/** Half of the raw limit of the same mode, as a rate, or twice its time. Nothing where there is no such limit. */
function boundsOf({ unit, beside, what }: Measured): readonly Bound[] {
  const raw = beside.find(({ name }) => name.includes("raw"))?.name;
  if (raw === undefined || what.includes("p99") || what.includes("while a worker")) return [];
  return [unit === "ms" ? { to: raw, most: 2 } : { to: raw, least: 0.5 }];
}
