// The whole system at work: a nats-server, an orchestrator service and three worker processes; some two hundred runs of six
// workflows, started in all three ways; a worker killed in the middle of its work; every result checked.
//
//   npm run demo            live progress and a summary
//   npm run demo -- --json  one JSON document
//
// Exits with 0 where all is as it must be, with 1 where anything is off, and with 130 on Ctrl-C.

import { Closers } from "./demo/closers.ts";
import { plainDisplay, quiet, terminalDisplay } from "./demo/display.ts";
import { describe } from "./demo/report.ts";
import { runDemo } from "./demo/run-demo.ts";

const json = process.argv.slice(2).includes("--json");
const write = (text: string): void => {
  process.stdout.write(text);
};
const display = json ? quiet : process.stdout.isTTY ? terminalDisplay(write) : plainDisplay(write);

const closers = new Closers();
const interrupted = new Promise<"interrupted">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => resolve("interrupted"));
  }
});

try {
  const outcome = await Promise.race([runDemo(display, closers), interrupted]);
  if (outcome === "interrupted") {
    display.say("interrupted");
    process.exitCode = 130;
  } else {
    console.log(json ? JSON.stringify(outcome, null, 2) : describe(outcome));
    process.exitCode = outcome.ok ? 0 : 1;
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
for (const error of await closers.closeAll()) console.error("while closing:", error);
// Where it was interrupted, waits that will never end would keep the process.
process.exit();
