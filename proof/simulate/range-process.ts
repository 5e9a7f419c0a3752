// One of the processes that play schedules side by side: `range-process.ts <first> <count> <every>`.

import { addTotals, noTotals, playRange } from "./range.ts";

const [first = 1, count = 1, every = 1] = process.argv.slice(2).map(Number);
/** Told in lots: a message for each schedule would cost as much as some schedules. */
const LOT = 20;

const tell = (message: object): void => {
  process.send?.(message);
};
// A finding is looked at by playing it again: where an error was made is not worth its time here.
Error.stackTraceLimit = 0;
// Workers say in each heartbeat how much memory they have. Asking the system takes a twentieth of the time of a schedule.
process.memoryUsage.rss = () => 0;
let lot = noTotals();
await playRange(
  { first, count, every },
  {
    onPlayed: (totals) => {
      addTotals(lot, totals);
      if (lot.schedules === LOT) {
        tell({ totals: lot });
        lot = noTotals();
      }
      return true;
    },
    onFound: (finding) => tell({ finding }),
  },
);
tell({ totals: lot });
process.disconnect?.();
