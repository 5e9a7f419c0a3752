// Plays schedules until one shows what must not be, and says which: `until-found.ts <schedules> <seed>`.

import { type Finding, playRange, withoutCost } from "./range.ts";

const [schedules = 1, first = 1] = process.argv.slice(2).map(Number);
withoutCost();
let found: Finding | null = null;
let played = 0;
await playRange(
  { first, count: schedules, every: 1 },
  {
    onPlayed: () => {
      played += 1;
      return found === null;
    },
    onFound: (finding) => {
      found = finding;
    },
  },
);
const { rule } = (found ?? {}) as Partial<Finding>;
console.log(JSON.stringify(rule === undefined ? null : { schedules: played, rule }));
process.exit(0);
