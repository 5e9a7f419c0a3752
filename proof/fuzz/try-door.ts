// A process that tries the cases of one door: node try-door.ts <door> <seed> <batches> <milliseconds per case>

import { BATCH, casesOf, shown, type Told, whyOf } from "./batch.ts";
import type { Verdict } from "./door.ts";
import { DOORS } from "./doors.ts";
import { watch } from "./watchdog.ts";

const [name = "", seedText = "1", batchesText = "1", limitText = "10000"] = process.argv.slice(2);
const found = DOORS.find((one) => one.name === name);
if (found === undefined) throw new Error(`there is no door "${name}"`);
const door = found;
const limitMs = Number(limitText);

const place = new Int32Array(new SharedArrayBuffer(12));
place[1] = -1;
const unwatch = watch(place, limitMs);

let stray: unknown;
const onStray = (error: unknown): void => {
  stray ??= error ?? new Error("something was rejected with nothing");
};
process.on("uncaughtException", onStray);
process.on("unhandledRejection", onStray);

const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(told, undefined, {}, () => resolve());
  });
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const opened = await door.open();
let count = 0;

async function tryBatch(seed: number): Promise<void> {
  const verdicts: Partial<Record<Verdict, number>> = {};
  let longestMs = 0;
  let index = 0;
  place[1] = -1;
  for (const one of casesOf(door, seed)) {
    place[0] = seed;
    place[1] = index;
    place[2] = ++count;
    const began = performance.now();
    try {
      const verdict = await opened.attempt(one);
      verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    } catch (error) {
      await tell({ type: "fault", seed, index, shown: shown(one), why: whyOf(error) });
    }
    longestMs = Math.max(longestMs, performance.now() - began);
    if (stray !== undefined) {
      await tell({
        type: "fault",
        seed,
        index,
        shown: shown(one),
        why: `not caught: ${whyOf(stray)}`,
      });
      stray = undefined;
    }
    index += 1;
  }
  // What goes wrong a moment later belongs to one of these.
  await turn();
  if (count % (40 * BATCH) === 0) collect();
  const { heapUsed } = process.memoryUsage();
  await tell({ type: "batch", seed, cases: index, verdicts, longestMs, heapBytes: heapUsed });
}

async function tryAll(): Promise<void> {
  collect();
  const first = Number(seedText);
  for (let batch = 0; batch < Number(batchesText); batch++) await tryBatch(first + batch);
  place[1] = -1;
  await opened.close?.();
  await unwatch();
}

// What is wrong with the fuzzer itself ends it.
tryAll().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(whyOf(error));
    process.exit(3);
  },
);
