import type { LivenessStore } from "../core/ports/stores.ts";
import { type Heartbeat, HeartbeatSchema, knownMs } from "../core/records/liveness.ts";
import { toToken } from "../core/token.ts";
import { decodeAll, decodeEntry, type KvTable, ttlSeconds } from "./kv-table.ts";
import type { Persistence } from "./persist.ts";

/** How long a worker that says nothing more is known at least, in milliseconds. */
const LIVENESS_TTL_MS = 600_000;

/** The longest that an answer is waited for, in milliseconds: the client's ping wakes the process as often. */
const LONGEST_ANSWER_MS = 20_000;

/** Heartbeats in a KV bucket, one entry a worker. Every entry has a lifetime, so that the dead go by themselves. */
export class JetStreamLivenessStore implements LivenessStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #hasOneReplica: () => boolean;
  readonly #isAlone: () => boolean;

  /**
   * @param hasOneReplica - true where any read is the newest
   * @param isAlone - true where the server goes together with the connection
   */
  constructor(
    table: KvTable,
    persistence: Persistence,
    hasOneReplica: () => boolean,
    isAlone: () => boolean,
  ) {
    this.#table = table;
    this.#hasOneReplica = hasOneReplica;
    this.#isAlone = isAlone;
    this.#persistence = persistence;
  }

  async put(say: () => Heartbeat | null): Promise<void> {
    const first = say();
    if (first === null) return;
    const what = `the heartbeat of worker "${first.workerId}"`;
    await this.#persistence.run(`writing ${what}`, async (again) => {
      const heartbeat = again ? say() : first;
      if (heartbeat !== null) await this.#write(heartbeat, what);
    });
  }

  async #write(heartbeat: Heartbeat, what: string): Promise<void> {
    const { workerId, nextMs = 0 } = heartbeat;
    const ttl = ttlSeconds(knownMs(heartbeat, LIVENESS_TTL_MS));
    // A server that is alone answers, or the connection breaks: that it did not is not looked for before the process wakes
    // anyway. In a cluster a leader that goes takes the heartbeat with it, and the worker would look dead before the next.
    const answerMs = this.#isAlone() ? Math.min(nextMs, LONGEST_ANSWER_MS) : 0;
    await this.#table.put(toToken(workerId), this.#table.encode(heartbeat, what), ttl, answerMs);
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
