import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { AskedCheckpoints, CheckpointPage, Versioned } from "../core/ports/stores.ts";
import { fromToken, toToken } from "../core/token.ts";
import { isMarker, type KvTable } from "./kv-table.ts";
import { lead } from "./lineage.ts";
import type { Persistence } from "./persist.ts";
import type { StoredMessage } from "./stored-message.ts";

// Reads of many checkpoints at a time. Those of runs that move are often patches, and what they build on may be elsewhere:
// such a run is read by itself.

/** Runs that are asked for at a time. */
const ASKED = 1_000;
/** Runs that are read by themselves at a time. */
const WIDTH = 16;

/** Reads one run's checkpoint. @param newest - the newest message of it that is known */
type ReadOne = (runId: string, newest: StoredMessage) => Promise<Versioned | null>;

/** What came of the messages of one run. */
type Found =
  | { readonly type: "view"; readonly view: Versioned }
  /** What they build on is not among them. */
  | { readonly type: "elsewhere"; readonly runId: string; readonly newest: StoredMessage }
  | { readonly type: "unreadable"; readonly runId: string }
  | { readonly type: "gone" };

export class CheckpointPages {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #readOne: ReadOne;

  constructor(table: KvTable, persistence: Persistence, readOne: ReadOne) {
    this.#table = table;
    this.#persistence = persistence;
    this.#readOne = readOne;
  }

  /** @param hasOlder - true where there may be messages in the bucket that are not the newest of their key */
  async page(after: number, limit: number, hasOlder: boolean): Promise<CheckpointPage> {
    const { messages, more } = await this.#persistence.run("reading checkpoints", () =>
      this.#table.reader.from(this.#table.subject(">"), after + 1, limit),
    );
    const found = this.#found(bySubject(messages));
    const next = more ? (messages.at(-1)?.seq ?? null) : null;
    const newer = hasOlder ? await this.#newer(found) : new Map<string, StoredMessage>();
    const left = [...found].flatMap(([subject, one]) => {
      const newest = newer.get(subject);
      if (newest === undefined) return [one];
      // What was written since is on a later page, but not after the last.
      return next === null ? [this.#oneOf([newest])] : [];
    });
    return { ...(await this.#views(left)), next };
  }

  async getMany(runIds: readonly string[]): Promise<AskedCheckpoints> {
    const subjects = new Map(runIds.map((id) => [this.#table.subject(toToken(id)), id]));
    const { messages, more } = await this.#persistence.run("reading checkpoints", () =>
      this.#table.reader.lastOfThese([...subjects.keys()]),
    );
    if (more) for (const { subject } of messages) subjects.delete(subject);
    const found = this.#found(bySubject(messages));
    return {
      ...(await this.#views([...found.values()])),
      rest: more ? [...subjects.values()] : [],
    };
  }

  /** What the messages of each subject say. */
  #found(messages: ReadonlyMap<string, readonly StoredMessage[]>): ReadonlyMap<string, FoundAt> {
    return new Map(
      [...messages].map(([subject, all]) => [
        subject,
        { ...this.#oneOf(all), seq: all.at(-1)?.seq ?? 0 },
      ]),
    );
  }

  #oneOf(messages: readonly StoredMessage[]): Found {
    const newest = messages.at(-1);
    if (newest === undefined || isMarker(newest)) return { type: "gone" };
    const { key } = this.#table.toEntry(newest);
    try {
      const led = lead("broken", messages, (message) => this.#table.toEntry(message));
      if (led === "removed") return { type: "gone" };
      if (led === "broken") return { type: "elsewhere", runId: runIdOf(key), newest };
      return { type: "view", view: { checkpoint: led.checkpoint, revision: led.revision } };
    } catch {
      return { type: "unreadable", runId: runIdOf(key) };
    }
  }

  /**
   * The newest messages of runs that go on where they are not among those that were found. What is said of an ended run that
   * was resumed since may stay: a look at it alone tells.
   */
  async #newer(found: ReadonlyMap<string, FoundAt>): Promise<ReadonlyMap<string, StoredMessage>> {
    const newer = new Map<string, StoredMessage>();
    const open = [...found].filter(([, one]) => mayGoOn(one)).map(([subject]) => subject);
    for (let asked: readonly string[] = open; asked.length > 0; ) {
      const lot = asked.slice(0, ASKED);
      const { messages, more } = await this.#persistence.run("reading checkpoints", () =>
        this.#table.reader.lastOfThese(lot),
      );
      for (const message of messages)
        if ((found.get(message.subject)?.seq ?? 0) < message.seq)
          newer.set(message.subject, message);
      const seen = new Set(messages.map(({ subject }) => subject));
      asked = more ? asked.filter((subject) => !seen.has(subject)) : asked.slice(ASKED);
    }
    return newer;
  }

  /** What can be read of them, without what is removed. */
  async #views(found: readonly Found[]): Promise<Pick<CheckpointPage, "views" | "unreadable">> {
    const unreadable: string[] = [];
    const views = await inParallel(found, WIDTH, async (one) => {
      if (one.type === "view") return one.view;
      if (one.type === "unreadable") unreadable.push(one.runId);
      return one.type === "elsewhere" ? this.#alone(one.runId, one.newest, unreadable) : null;
    });
    return { views: views.filter((view) => view !== null), unreadable };
  }

  async #alone(
    runId: string,
    newest: StoredMessage,
    unreadable: string[],
  ): Promise<Versioned | null> {
    try {
      return await this.#readOne(runId, newest);
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      unreadable.push(runId);
      return null;
    }
  }
}

type FoundAt = Found & { readonly seq: number };

const mayGoOn = (one: Found): boolean =>
  one.type === "elsewhere" || (one.type === "view" && !isTerminal(one.view.checkpoint.status));

function bySubject(messages: readonly StoredMessage[]): ReadonlyMap<string, StoredMessage[]> {
  const found = new Map<string, StoredMessage[]>();
  for (const message of messages) {
    const known = found.get(message.subject);
    if (known === undefined) found.set(message.subject, [message]);
    else known.push(message);
  }
  return found;
}

/** The run id of a key, or the key where nothing of ours has that one. */
function runIdOf(key: string): string {
  try {
    return fromToken(key);
  } catch {
    return key;
  }
}
