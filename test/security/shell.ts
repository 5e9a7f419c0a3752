import { openDoor } from "../../src/cli/door.ts";
import type { Io, Sink } from "../../src/cli/io.ts";
import { run } from "../../src/cli/program.ts";
import type { Ended } from "../cli/fake-io.ts";

/** Runs a command line in this process, on a real NATS. */
export async function shell(args: readonly string[], env: Io["env"] = {}): Promise<Ended> {
  const texts = { out: "", err: "" };
  const sink = (name: "out" | "err"): Sink => ({
    write: (text) => {
      texts[name] += text;
    },
    columns: null,
    colors: false,
  });
  const code = await run(args, {
    env,
    cwd: process.cwd(),
    out: sink("out"),
    err: sink("err"),
    readStdin: async () => "",
    now: Date.now,
    open: openDoor,
    stopAsked: async () => "SIGTERM",
  });
  return { code, ...texts };
}
