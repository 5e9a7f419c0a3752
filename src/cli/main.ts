#!/usr/bin/env node
import { processIo } from "./process-io.ts";
import { run } from "./program.ts";

// Whoever reads the output may go before it ends, as `head` does: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 70);
});

const code = await run(process.argv.slice(2), processIo());
// Written text reaches a pipe before the process ends; what else is open does not keep it.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  ),
);
process.exit(code);
