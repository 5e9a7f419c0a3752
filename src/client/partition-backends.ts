import { inParallel } from "../core/in-parallel.ts";
import { partitionNamespace } from "../core/partition-of.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../jetstream/backend.ts";
import { connectTo } from "../jetstream/connect.ts";
import { type JetStreamOptions, resolveJetStreamOptions } from "../jetstream/options.ts";

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
  const { all, close } = await openOnOne(options, partitions, openJetStreamBackend, (backend) =>
    backend.close(),
  );
  return { backends: all, close };
}

/**
 * Opens something for each of these partitions, all on one connection.
 *
 * @param open - gets the options with the partition's namespace and the connection
 * @returns them in the order of the partitions, and how to close the connection unless the host owns it
 * @throws what opening one of them throws; nothing is left open then
 */
export async function openOnOne<T>(
  options: JetStreamOptions,
  partitions: readonly number[],
  open: (options: JetStreamOptions) => Promise<T>,
  shut: (one: T) => Promise<void>,
): Promise<{ readonly all: readonly T[]; close(): Promise<void> }> {
  const { servers: _servers, ...shared } = options;
  const { namespace } = resolveJetStreamOptions(options);
  const wanted = partitions.map((partition) => ({
    ...shared,
    namespace: partitionNamespace(namespace, partition),
  }));
  // All of them before the first stream is made.
  for (const one of wanted) resolveJetStreamOptions(one);
  const own =
    options.connection === undefined ? await connectTo(resolveJetStreamOptions(options)) : null;
  const connection = own ?? options.connection;
  const opened: { readonly place: number; readonly one: T }[] = [];
  const failures: unknown[] = [];
  await inParallel([...wanted.entries()], WIDTH, async ([place, its]) => {
    if (failures.length > 0) return;
    try {
      opened.push({ place, one: await open({ ...its, connection }) });
    } catch (error) {
      failures.push(error);
    }
  });
  const all = opened.sort((a, b) => a.place - b.place).map(({ one }) => one);
  const close = async (): Promise<void> => {
    await own?.close();
  };
  if (failures.length === 0) return { all, close };
  await Promise.all(all.map(shut));
  await close();
  throw failures[0];
}
