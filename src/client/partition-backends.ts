import { inParallel } from "../core/in-parallel.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../jetstream/backend.ts";
import { connectTo } from "../jetstream/connect.ts";
import { type JetStreamOptions, resolveJetStreamOptions } from "../jetstream/options.ts";
import { partitionNamespace } from "./partition-of.ts";

/** Partitions whose streams are looked at, or made, at a time. */
const WIDTH = 8;

/** Backends of some partitions on one connection. */
export interface PartitionBackends {
  /** In the order of the partitions that were asked for. */
  readonly backends: readonly JetStreamBackend[];
  /** Closes the connection unless the host owns it. The backends are closed by those who use them. */
  close(): Promise<void>;
}

/**
 * Opens one backend for each of these partitions, all on one connection.
 *
 * @throws FloxideError `backend`, `validation`; nothing is left open then
 */
export async function openPartitions(
  options: JetStreamOptions,
  partitions: readonly number[],
): Promise<PartitionBackends> {
  const { servers: _servers, ...shared } = options;
  const namespaces = partitions.map((partition) => {
    const { namespace } = resolveJetStreamOptions(options);
    return partitionNamespace(namespace, partition);
  });
  // All of them before the first stream is made.
  for (const namespace of namespaces) resolveJetStreamOptions({ ...options, namespace });
  const own =
    options.connection === undefined ? await connectTo(resolveJetStreamOptions(options)) : null;
  const close = async (): Promise<void> => {
    await own?.close();
  };
  const connection = own ?? options.connection;
  const opened: JetStreamBackend[] = [];
  const failures: unknown[] = [];
  await inParallel(namespaces, WIDTH, async (namespace) => {
    if (failures.length > 0) return;
    try {
      opened.push(await openJetStreamBackend({ ...shared, connection, namespace }));
    } catch (error) {
      failures.push(error);
    }
  });
  if (failures.length === 0) {
    const place = ({ namespace }: JetStreamBackend): number => namespaces.indexOf(namespace);
    return { backends: opened.sort((a, b) => place(a) - place(b)), close };
  }
  await Promise.all(opened.map((backend) => backend.close()));
  await close();
  throw failures[0];
}
