import { stderr } from "node:process";
import type { TestProject } from "vitest/node";
import { findNatsServer } from "../../src/jetstream/server/find.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of a nats-server that is new enough. */
    natsServer: string;
  }
}

/** Finds or obtains the server once, before the first test file, so that no test file has to. */
export async function setup(project: TestProject): Promise<void> {
  const lines: string[] = [];
  const { path, source } = await findNatsServer({
    env: process.env,
    log: (line) => lines.push(line),
  });
  // How it was obtained is worth a line only when it was not simply there.
  if (source !== "environment" && source !== "path" && source !== "cache") {
    stderr.write(`${lines.join("\n")}\n`);
  }
  project.provide("natsServer", path);
  // For the processes that tests start, a command line for example.
  process.env["FLOXIDE_NATS_SERVER"] = path;
}
