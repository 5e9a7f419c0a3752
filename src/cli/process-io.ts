import { openDoor } from "./door.ts";
import type { Io, Sink } from "./io.ts";

/** What a shell says of a process that a signal ended: 128 and the number of SIGINT. */
const KILLED = 130;

/** The process itself. */
export function processIo(): Io {
  const { env } = process;
  return {
    env,
    cwd: process.cwd(),
    out: sinkOf(process.stdout),
    err: sinkOf(process.stderr),
    readStdin,
    now: Date.now,
    open: openDoor,
    stopAsked,
  };
}

function sinkOf(stream: NodeJS.WriteStream): Sink {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0";
  const unwanted = NO_COLOR !== undefined && NO_COLOR !== "";
  return {
    write: (text) => {
      stream.write(text);
    },
    get columns() {
      return stream.isTTY ? (stream.columns ?? 80) : null;
    },
    colors: !unwanted && (stream.isTTY === true || forced),
  };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** A terminal and a parent that forwards signals can both send the same one. */
const SAME_SIGNAL_MS = 300;

function stopAsked(): Promise<string> {
  return new Promise((resolve) => {
    let first: number | null = null;
    const onSignal = (signal: string): void => {
      first ??= performance.now();
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(KILLED);
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
