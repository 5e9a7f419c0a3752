import type { LivenessStore } from "../core/ports/stores.ts";
import { type Heartbeat, HeartbeatSchema } from "../core/records/liveness.ts";
import { toToken } from "../core/token.ts";
import { decodeAll, decodeEntry, type KvTable } from "./kv-table.ts";
import type { Persistence } from "./persist.ts";

/** How long a worker that says nothing more is known, in seconds: long enough to be seen as dead. */
const LIVENESS_TTL_S = 600;

/** Heartbeats in a KV bucket, one entry a worker. Every entry has a lifetime, so that the dead go by themselves. */
export class JetStreamLivenessStore implements LivenessStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #hasOneReplica: () => boolean;

  /** @param hasOneReplica - true where any read is the newest */
  constructor(table: KvTable, persistence: Persistence, hasOneReplica: () => boolean) {
    this.#table = table;
    this.#hasOneReplica = hasOneReplica;
    this.#persistence = persistence;
  }

  async put(heartbeat: Heartbeat): Promise<void> {
    const what = `the heartbeat of worker "${heartbeat.workerId}"`;
    const body = this.#table.encode(heartbeat, what);
    const key = toToken(heartbeat.workerId);
    await this.#persistence.run(`writing ${what}`, () =>
      // An answer is not looked for before the process wakes for the next one anyway.
      this.#table.put(key, body, LIVENESS_TTL_S, heartbeat.nextMs),
    );
  }

  async list(): Promise<readonly Heartbeat[]> {
    const entries = await this.#persistence.run("reading the heartbeats", () =>
      // A worker that has just begun must not be overlooked: whoever pauses a run waits for those that are listed.
      this.#hasOneReplica() ? this.#table.list("*") : this.#table.listAll("*"),
    );
    return decodeAll(HeartbeatSchema, entries);
  }

  async get(workerId: string): Promise<Heartbeat | null> {
    const what = `the heartbeat of worker "${workerId}"`;
    const entry = await this.#persistence.run(`reading ${what}`, () =>
      this.#table.getFromLeader(toToken(workerId)),
    );
    return entry === null ? null : decodeEntry(HeartbeatSchema, entry, what);
  }

  async remove(workerId: string): Promise<void> {
    await this.#persistence.run(`removing the heartbeat of worker "${workerId}"`, () =>
      this.#table.remove(toToken(workerId)),
    );
  }
}
