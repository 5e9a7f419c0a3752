import { startNatsServer } from "../../src/jetstream/server/start.ts";

/** Milliseconds after which it is said what takes so long: a server may have to be fetched. */
const SILENT_MS = 2_000;

/**
 * Runs `use` against NATS: the server that `NATS_URL` names, else one that is started for it on a free port and is gone
 * afterwards, with its data.
 */
export async function withNatsServer<T>(use: (servers: string) => Promise<T>): Promise<T> {
  const given = process.env["NATS_URL"];
  if (given !== undefined && given !== "") return await use(given);
  const timer = setTimeout(() => console.error("looking for a nats-server ..."), SILENT_MS);
  await using server = await startNatsServer({ env: process.env }).finally(() =>
    clearTimeout(timer),
  );
  return await use(server.url);
}
