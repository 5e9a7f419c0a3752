import { asPatch } from "../core/checkpoint/stored-patch.ts";
import { FloxideError } from "../core/errors.ts";
import { toToken } from "../core/token.ts";
import { isMarker, type KvTable, unreadable } from "./kv-table.ts";
import { type Led, type Lineage, lead, MOST_MESSAGES } from "./lineage.ts";
import { NoAnswer } from "./no-answer.ts";
import type { Belief } from "./old-leader.ts";
import type { StoredMessage } from "./stored-message.ts";

// Reads of one run's checkpoint. Invariants:
// 1. What is newest is said by the leader, or by the only server.
// 2. What a patch builds on never changes: any server may give it. One that is behind does not have all of it, and one that
//    is not may have had it taken away by a newer whole checkpoint: what is put together is never older than what is newest.

/** How often a run that is written meanwhile is looked at again at once. */
const LOOKS = 3;

export class CheckpointReader {
  readonly #table: KvTable;
  readonly #hasOneReplica: () => boolean;

  constructor(table: KvTable, hasOneReplica: () => boolean) {
    this.#table = table;
    this.#hasOneReplica = hasOneReplica;
  }

  /**
   * The run as it is stored; null where it is not.
   *
   * @param atLeast - a revision that is known to exist
   * @param known - what was stored of the run: it saves reading that again
   * @throws FloxideError `validation`, `backend`
   * @throws NoAnswer
   */
  async read(
    runId: string,
    atLeast: number,
    known: Lineage | null,
    isBelieved: Belief,
  ): Promise<Lineage | null> {
    const key = toToken(runId);
    if (this.#hasOneReplica()) {
      const found = await this.#fromOnly(key, atLeast, known);
      if (found !== undefined) return found;
    }
    return this.#fromLeader(key, atLeast, known, isBelieved);
  }

  /** As the only server has it; undefined where it does not know what there must be. */
  async #fromOnly(
    key: string,
    atLeast: number,
    known: Lineage | null,
  ): Promise<Lineage | null | undefined> {
    if (known !== null && known.revision < atLeast) {
      const led = await this.#since(key, known);
      if (led !== null && led.revision >= atLeast) return led;
    }
    const found = valueIn(await this.#table.reader.last(this.#table.subject(key)));
    return (found?.seq ?? 0) < atLeast ? undefined : this.complete(key, found, known, () => true);
  }

  /**
   * A replica that is behind may know the revision that was asked for, and not that the run was paused since: what says
   * whether a node may start is read from the leader. Replicas may also have been added since the store was opened.
   */
  async #fromLeader(
    key: string,
    atLeast: number,
    known: Lineage | null,
    isBelieved: Belief,
  ): Promise<Lineage | null> {
    const message = await this.#table.newestFromLeader(key);
    const found = valueIn(message);
    // No message says nothing where there must have been one: it may be from before the run.
    if ((message?.seq ?? 0) >= atLeast) return this.complete(key, found, known, isBelieved);
    if (isBelieved()) return found === null ? null : lostWrites(key, found.seq, atLeast);
    // A leader that was cut off may answer until it has noticed: ask again.
    throw new NoAnswer("unavailable", key);
  }

  /**
   * What has come of what is known; null where that cannot be told by what was written since.
   *
   * @param newest - what the leader says is newest
   */
  async #since(key: string, known: Lineage, newest?: StoredMessage): Promise<Lineage | null> {
    const subject = this.#table.subject(key);
    const from = known.revision + 1;
    const { messages, more } = await this.#table.reader.from(subject, from, MOST_MESSAGES);
    if (more) return null;
    const since =
      newest === undefined
        ? messages
        : messages.map((message) => (message.seq === newest.seq ? newest : message));
    return lineageIn(this.#lead(known, since));
  }

  /**
   * What the newest message of a run leads to, or one that has come since.
   *
   * @param known - what was stored of the run
   * @param isBelieved - whether a leader that knows less than it must is to be believed
   */
  async complete(
    key: string,
    last: StoredMessage | null,
    known: Lineage | null,
    isBelieved: Belief,
  ): Promise<Lineage | null> {
    for (let newest = last, look = 0; look < LOOKS; look++) {
      if (newest === null || isMarker(newest)) return null;
      if (known !== null && this.#isThat(newest, known)) return known;
      const led = (await this.#built(newest, known)) ?? (await this.#builtByLeader(newest));
      if (led !== null) return led;
      // A whole one may have taken its parts away since.
      const { seq } = newest;
      newest = await this.#table.newestFromLeader(key);
      if (newest?.seq === seq && isBelieved()) throw this.#incomplete(newest);
    }
    throw new NoAnswer("unavailable", key);
  }

  /** True where the message is what is known to be stored: not where its number was given anew. */
  #isThat(message: StoredMessage, { revision, checkpoint: { commit } }: Lineage): boolean {
    return message.seq === revision && message.body.includes(`"commit":${JSON.stringify(commit)}`);
  }

  /** The newest message, or a later one, with what it builds on as any server has it. */
  async #built(newest: StoredMessage, known: Lineage | null): Promise<Lineage | null> {
    const alone = lineageIn(this.#lead(known ?? "broken", [newest]));
    if (alone !== null) return alone;
    const { subject, seq } = newest;
    if (known !== null && known.revision < seq) {
      const led = await this.#since(this.#table.toEntry(newest).key, known, newest);
      if (led !== null && led.revision >= seq) return led;
    }
    const { messages } = await this.#table.reader.from(subject, wholeOf(newest), MOST_MESSAGES);
    const newer = lineageIn(this.#lead("broken", messages));
    if (newer !== null && newer.revision > seq) return newer;
    // What was asked of the leader stands, whatever a replica has in its place.
    return this.#upTo(seq, [...messages.filter((message) => message.seq < seq), newest]);
  }

  /** The same as the leader has it: one request a message. */
  async #builtByLeader(newest: StoredMessage): Promise<Lineage | null> {
    const { subject, seq } = newest;
    const messages: StoredMessage[] = [];
    for (let from = wholeOf(newest); messages.length < MOST_MESSAGES; ) {
      const message = await this.#table.reader.nextFromLeader(subject, from);
      if (message === null) break;
      messages.push(message);
      from = message.seq + 1;
    }
    return this.#upTo(seq, messages);
  }

  /** What the messages lead to; null where that is older than this position, or something is missing. */
  #upTo(seq: number, messages: readonly StoredMessage[]): Lineage | null {
    const led = lineageIn(this.#lead("broken", messages));
    return led !== null && led.revision >= seq ? led : null;
  }

  #lead(from: Led, messages: readonly StoredMessage[]): Led {
    return lead(from, messages, (message) => this.#table.toEntry(message));
  }

  #incomplete(message: StoredMessage): FloxideError {
    const entry = this.#table.toEntry(message);
    const why = "it says what has changed since another one, which is not there";
    return unreadable(entry, `the checkpoint "${entry.key}"`, new TypeError(why));
  }
}

/** Revision of the whole checkpoint that a patch builds on. */
const wholeOf = ({ seq, body }: StoredMessage): number => asPatch(JSON.parse(body))?.whole ?? seq;

const valueIn = (message: StoredMessage | null): StoredMessage | null =>
  message === null || isMarker(message) ? null : message;

const lineageIn = (led: Led): Lineage | null => (typeof led === "string" ? null : led);

/** What there is does not know what somebody was told is stored. */
function lostWrites(key: string, revision: number, atLeast: number): never {
  throw new FloxideError(
    "backend",
    `the checkpoint "${key}" is at revision ${revision}, but revision ${atLeast} was acknowledged: JetStream lost writes`,
    { details: { revision, atLeast } },
  );
}
