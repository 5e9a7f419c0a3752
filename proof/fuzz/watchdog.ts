import { Worker } from "node:worker_threads";

// Watches the thread that tries cases, from a thread of its own: a case that never ends lets nothing else in its thread
// run. What hangs is named on the standard output, and the process ended.

/** Where the watched thread stands: the seed of the batch, the case in it (-1 for none), and a count of all cases. */
export type Place = Int32Array<SharedArrayBuffer>;

/** JavaScript as it is: threads of Node 20 do not read TypeScript, whatever their process does. */
const PROGRAM = `
const { writeSync } = require("node:fs");
const { workerData } = require("node:worker_threads");
const { place, limitMs } = workerData;
let last = -1;
let since = Date.now();
setInterval(() => {
  const [seed, index, count] = place;
  if (count !== last || index < 0) {
    last = count;
    since = Date.now();
  } else if (Date.now() - since > limitMs) {
    writeSync(1, "HANG " + seed + " " + index + "\\n");
    process.kill(process.pid, "SIGKILL");
  }
}, 200);
`;

/** @param limitMs - milliseconds that a case may take. @returns how to stop */
export function watch(place: Place, limitMs: number): () => Promise<unknown> {
  const watchdog = new Worker(PROGRAM, {
    eval: true,
    execArgv: [],
    workerData: { place, limitMs },
  });
  return () => watchdog.terminate();
}
