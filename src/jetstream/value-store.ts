import { inParallel } from "../core/in-parallel.ts";
import type { JsonPart } from "../core/json-texts.ts";
import type { ValueStore } from "../core/ports/stores.ts";
import { fromToken, toToken } from "../core/token.ts";
import { isMarker, type KvTable } from "./kv-table.ts";
import type { Link } from "./link.ts";
import { NoAnswer } from "./no-answer.ts";
import { OldLeader } from "./old-leader.ts";
import type { Persistence } from "./persist.ts";

/** Removals under way at a time. */
const WIDTH = 64;

/** Values of wide forks in a KV bucket under `<run>.<key>`. They never expire: they go with their fork, or their run. */
export class JetStreamValueStore implements ValueStore {
  readonly #table: KvTable;
  readonly #link: Link;
  readonly #persistence: Persistence;
  readonly #oldLeader: OldLeader;

  /** @param hasOneReplica - true where any read is the newest */
  constructor(table: KvTable, link: Link, persistence: Persistence, hasOneReplica: () => boolean) {
    this.#oldLeader = new OldLeader(link.clock, hasOneReplica);
    this.#table = table;
    this.#link = link;
    this.#persistence = persistence;
  }

  async put(runId: string, key: string, json: JsonPart): Promise<void> {
    const what = `values of run "${runId}"`;
    const body = this.#link.encode(json, what);
    await this.#persistence.run(`writing ${what}`, () =>
      this.#table.put(`${toToken(runId)}.${key}`, body, 0),
    );
  }

  async get(runId: string, key: string, isKnown = true): Promise<string | null> {
    const name = `${toToken(runId)}.${key}`;
    const isBelieved = this.#oldLeader.belief();
    return this.#persistence.run(`reading values of run "${runId}"`, async () => {
      const entry = await this.#table.get(name);
      if (entry !== null) return entry.body;
      // What one replica has not heard of the leader may know. A marker says that it was removed.
      const message = await this.#table.newestFromLeader(name);
      if (message !== null) return isMarker(message) ? null : message.body;
      if (!isKnown || isBelieved()) return null;
      throw new NoAnswer("unavailable", name);
    });
  }

  async remove(runId: string, keys: readonly string[]): Promise<void> {
    await this.#removeAll(
      runId,
      keys.map((key) => `${toToken(runId)}.${key}`),
    );
  }

  async removeRun(runId: string): Promise<void> {
    const keys = await this.#keys(`${toToken(runId)}.*`);
    await this.#removeAll(runId, keys);
  }

  async runs(): Promise<readonly string[]> {
    const runs = new Set<string>();
    for (const key of await this.#keys("*.*")) {
      const [token = ""] = key.split(".");
      try {
        runs.add(fromToken(token));
      } catch {
        // Nothing of ours has such a key.
      }
    }
    return [...runs];
  }

  newestAt(runId: string): Promise<number | null> {
    return this.#persistence.run(`reading values of run "${runId}"`, async () => {
      const message = await this.#table.reader.lastFromLeader(
        this.#table.subject(`${toToken(runId)}.*`),
      );
      return message?.storedAt ?? null;
    });
  }

  /** Keys that fit, with those of values that were removed some seconds ago. */
  async #keys(pattern: string): Promise<string[]> {
    const prefix = this.#table.subject("");
    const subjects = await this.#persistence.run("listing values of runs", () =>
      this.#table.reader.subjects(this.#table.subject(pattern)),
    );
    return subjects.map((subject) => subject.slice(prefix.length));
  }

  async #removeAll(runId: string, keys: readonly string[]): Promise<void> {
    await this.#persistence.run(`removing values of run "${runId}"`, () =>
      inParallel(keys, WIDTH, (key) => this.#table.remove(key)),
    );
  }
}
