import { startNatsServer } from "../../src/jetstream/server/start.ts";

/**
 * Runs `use` against NATS: the server that `NATS_URL` names, else one that is started for it on a free port and is gone
 * afterwards, with its data.
 */
export async function withNatsServer<T>(use: (servers: string) => Promise<T>): Promise<T> {
  const given = process.env["NATS_URL"];
  if (given !== undefined && given !== "") return await use(given);
  await using server = await startNatsServer({
    env: process.env,
    log: (line) => console.error(line),
  });
  return await use(server.url);
}
