// Plays schedules until one shows what must not be, and says which: `until-found.ts <schedules>`.

import { type Finding, playRange } from "./range.ts";

const [schedules = 1] = process.argv.slice(2).map(Number);
Error.stackTraceLimit = 0;
let found: Finding | null = null;
let played = 0;
await playRange(
  { first: 1, count: schedules, every: 1 },
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
