import { FloxideError, isFloxideError } from "../core/errors.ts";
import { findNatsServer } from "../jetstream/server/find.ts";
import type { NatsServer } from "../jetstream/server/start.ts";
import { startNatsServer } from "../jetstream/server/start.ts";
import type { Cli } from "./cli.ts";

/** Which server to start. */
export interface EmbeddedOptions {
  /** 0 for a free one. */
  readonly port: number;
  readonly storeDir?: string;
}

/**
 * Starts a nats-server that ends with this process, fetching one where there is none.
 *
 * @throws FloxideError `backend`; where the port is taken it says how to take another one
 */
export async function startEmbedded(cli: Cli, options: EmbeddedOptions): Promise<NatsServer> {
  const { env } = cli.io;
  const { port, storeDir } = options;
  const log = cli.logger("warn");
  const { path } = await findNatsServer({ env, log: (line) => log.debug({}, line) });
  try {
    return await startNatsServer({
      env,
      binary: path,
      port,
      ...(storeDir === undefined ? {} : { storeDir }),
    });
  } catch (error) {
    if (isFloxideError(error) && error.details["isPortTaken"] === true)
      throw portTaken(port, error);
    throw error;
  }
}

function portTaken(port: number, cause: unknown): FloxideError {
  const message = `port ${port} is taken by another process: give another one with --port, or 0 for a free one`;
  return new FloxideError("backend", message, { details: { port }, cause });
}
