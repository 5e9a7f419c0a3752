// One of the processes that play schedules side by side: `range-process.ts <first> <count> <every>`.

import { addTotals, noTotals, playRange, withoutCost } from "./range.ts";

const [first = 1, count = 1, every = 1] = process.argv.slice(2).map(Number);
/** Told in lots: a message for each schedule would cost as much as some schedules. */
const LOT = 20;

const tell = (message: object): void => {
  process.send?.(message);
};
withoutCost();
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
