import { createInbox, type NatsConnection } from "@nats-io/nats-core";

// Backups as `nats account backup` takes them: each stream for itself, through the server's API, while it runs.

const CHUNK_BYTES = 64 * 1024;

/** A stream as the server gave it away. */
export interface Snapshot {
  readonly stream: string;
  readonly config: object;
  readonly state: object;
  /** Pieces of a compressed archive: only the server reads it. */
  readonly chunks: readonly Uint8Array[];
}

/** Asks the JetStream API. @throws Error with what the server says is wrong */
async function ask<T>(nc: NatsConnection, call: string, request: object = {}): Promise<T> {
  const answer = await nc.request(`$JS.API.${call}`, JSON.stringify(request), { timeout: 10_000 });
  const body = answer.json<T & { error?: { description: string } }>();
  if (body.error !== undefined) throw new Error(`${call}: ${body.error.description}`);
  return body;
}

/** Takes a snapshot of each stream, one after the other, consumers included. */
export async function takeSnapshots(
  nc: NatsConnection,
  streams: readonly string[],
): Promise<readonly Snapshot[]> {
  const taken: Snapshot[] = [];
  for (const stream of streams) taken.push(await takeSnapshot(nc, stream));
  return taken;
}

async function takeSnapshot(nc: NatsConnection, stream: string): Promise<Snapshot> {
  const inbox = createInbox();
  const chunks: Uint8Array[] = [];
  const arriving = nc.subscribe(inbox);
  const { config, state } = await ask<{ config: object; state: object }>(
    nc,
    `STREAM.SNAPSHOT.${stream}`,
    { deliver_subject: inbox, chunk_size: CHUNK_BYTES, no_consumers: false },
  );
  for await (const message of arriving) {
    // An empty one is the end.
    if (message.data.length === 0) break;
    chunks.push(message.data);
    message.respond();
  }
  return { stream, config, state, chunks };
}

/** Puts streams back in the place of those that are there. */
export async function putBack(nc: NatsConnection, snapshots: readonly Snapshot[]): Promise<void> {
  for (const { stream, config, state, chunks } of snapshots) {
    await ask(nc, `STREAM.DELETE.${stream}`);
    const { deliver_subject } = await ask<{ deliver_subject: string }>(
      nc,
      `STREAM.RESTORE.${stream}`,
      { config, state },
    );
    for (const chunk of chunks) await nc.request(deliver_subject, chunk, { timeout: 10_000 });
    const end = await nc.request(deliver_subject, "", { timeout: 10_000 });
    const { error } = end.json<{ error?: { description: string } }>();
    if (error !== undefined) throw new Error(`${stream}: ${error.description}`);
  }
}
