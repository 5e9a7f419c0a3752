import { FloxideError } from "../../core/errors.ts";
import { reasonOf } from "./command.ts";
import { MIN_VERSION } from "./version.ts";

/** Where a nats-server came from. */
export type ServerSource = "environment" | "path" | "cache" | "release" | "go" | "apt";

/** A nats-server that was asked for its version and is new enough. */
export interface ServerBinary {
  /** Absolute, or as the environment variable gives it. */
  readonly path: string;
  /** For example `2.15.1`. */
  readonly version: string;
  readonly source: ServerSource;
}

/** One way to come to a nats-server. */
export interface Way {
  readonly source: ServerSource;
  /** True when somebody asked for exactly this: then another server in its place would be wrong. */
  readonly isDemanded: boolean;
  /** Gives the server, or rejects with the reason why this way leads nowhere. */
  readonly find: () => Promise<Omit<ServerBinary, "source">>;
}

/**
 * Tries ways one after the other until one leads to a server, and writes one line about each.
 *
 * @throws FloxideError `backend` when none does, with the reason of each.
 */
export async function firstThatWorks(
  ways: readonly Way[],
  log: (line: string) => void,
): Promise<ServerBinary> {
  const reasons: string[] = [];
  for (const way of ways) {
    try {
      const { path, version } = await way.find();
      log(`nats-server, ${way.source}: ${version} at ${path}`);
      return { path, version, source: way.source };
    } catch (error) {
      const reason = `${way.source}: ${reasonOf(error)}`;
      log(`nats-server, ${reason}`);
      reasons.push(reason);
      if (way.isDemanded) break;
    }
  }
  throw new FloxideError(
    "backend",
    [
      `found no nats-server ${MIN_VERSION} or newer. Tried:`,
      ...reasons.map((reason) => `  ${reason}`),
      `Install nats-server ${MIN_VERSION} or newer (https://docs.nats.io/running-a-nats-service/introduction/installation)`,
      "or set FLOXIDE_NATS_SERVER to the path of one.",
    ].join("\n"),
    { details: { minVersion: MIN_VERSION, reasons } },
  );
}
