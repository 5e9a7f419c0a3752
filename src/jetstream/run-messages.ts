import { inParallel } from "../core/in-parallel.ts";
import type { OldMessage, QueuedMessage } from "../core/ports/work-queue.ts";
import { namedIn } from "../core/records/work-message.ts";
import { streamApi } from "./api-subjects.ts";
import { type Names, readItemSubject } from "./names.ts";
import { readApiResponse, unreadable } from "./pub-ack.ts";
import type { Requester } from "./requester.ts";
import type { Signing } from "./signing.ts";
import type { StoredMessage } from "./stored-message.ts";
import { StreamReader } from "./stream-reader.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// What waits for one run, and how to drop it.
//
// M1. Work subjects are never purged. On nats-server 2.15 a purge by subject makes the consumer forget older messages of
//     OTHER runs that are in workers' hands: they are never handed out again (issue 5727). Deleting by sequence is safe,
//     and faster: a purge counts the whole backlog anew.
// M2. Schedules are purged by subject: no consumer filters them.
// M3. What names a revision of a checkpoint is evidence that it was stored. Where work is signed, only what is signed is.
// M4. The same item may wait more than once, under several message ids; a read of the last by subject shows one of them.

/** Deletions under way at a time. The server drops requests when ten thousand wait. */
const WIDTH = 64;

interface Named extends Pick<QueuedMessage, "item" | "scheduled" | "turn" | "revision"> {
  readonly message: StoredMessage;
}

/** The messages of runs in the work stream. */
export class RunMessages {
  readonly reader: StreamReader;
  readonly #requester: Requester;
  readonly #names: Names;
  readonly #signing: Signing;
  readonly #hasOneReplica: () => boolean;

  constructor(requester: Requester, names: Names, signing: Signing, hasOneReplica: () => boolean) {
    this.#hasOneReplica = hasOneReplica;
    this.#requester = requester;
    this.#names = names;
    this.#signing = signing;
    this.reader = new StreamReader(requester, names.workStream);
  }

  /** The items that wait, by subject: of one that waits twice the later message. */
  async list(workflow: string, runId: string): Promise<QueuedMessage[]> {
    const messages = await this.reader.lastOfEach([
      this.#names.work(workflow, runId, "*"),
      this.#names.sched(workflow, runId, "*", "*"),
    ]);
    const named: Named[] = [];
    for (const message of messages) {
      const read = readItemSubject(this.#names, message.subject);
      if (read === null) continue;
      const { item, scheduled } = read;
      const { revision, turn } = namedIn(message.body);
      named.push({ message, item, scheduled, turn: read.turn ?? turn, revision });
    }
    const newest = this.#newestProven(workflow, runId, named);
    return named.map(({ message: { seq }, item, scheduled, turn, revision }) => {
      return { item, seq, scheduled, turn, revision: revision <= newest ? revision : 0 };
    });
  }

  /** The largest revision that counts (M3). One message is enough: the others name none that is larger. */
  #newestProven(workflow: string, runId: string, named: readonly Named[]): number {
    const newestFirst = [...named].sort((a, b) => b.revision - a.revision);
    const proven = newestFirst.find(({ message, item }) => {
      // A schedule is signed for the subject that it goes to.
      const subject = this.#names.work(workflow, runId, item);
      return this.#signing.distrust({ ...message, subject, kind: "work" }) === null;
    });
    return proven?.revision ?? 0;
  }

  /** The oldest messages of all runs of the workflow. */
  async oldest(workflow: string, limit: number): Promise<OldMessage[]> {
    const filter = this.#names.consumerFilter("work", workflow);
    const { messages } = await this.reader.from(filter, 1, limit);
    return messages.flatMap(({ subject, seq }) => {
      const read = readItemSubject(this.#names, subject);
      return read === null ? [] : [{ runId: read.runId, seq }];
    });
  }

  /** Drops all that waits for the run. @returns how many messages went */
  async drop(workflow: string, runId: string): Promise<number> {
    let dropped = await this.purgeSchedules(this.#names.sched(workflow, runId, "*", "*"));
    const filter = this.#names.work(workflow, runId, "*");
    const dropAll = async (messages: readonly StoredMessage[]): Promise<boolean> => {
      const gone = await inParallel(messages, WIDTH, ({ seq }) => this.delete(seq));
      const count = gone.filter((is) => is).length;
      dropped += count;
      return count > 0;
    };
    const read = () => this.reader.lastOfEach([filter]);
    // Most of it by one read of any replica. It may show what is gone, and not what has come: then the leader is asked.
    if (!this.#hasOneReplica()) await dropAll(await read());
    const newest = this.#hasOneReplica() ? read : () => this.reader.missing(filter, []);
    // Again until nothing is left (M4). What was shown and is gone was acknowledged meanwhile, and there may be another
    // message of its subject. What is shown twice and cannot be dropped is no message.
    for (let shown = "", left = await newest(); left.length > 0; left = await newest()) {
      const seqs = left.map(({ seq }) => seq).join();
      if (!(await dropAll(left)) && seqs === shown) break;
      shown = seqs;
    }
    return dropped;
  }

  /** Deletes one message. @returns false where it was gone */
  async delete(seq: number): Promise<boolean> {
    const api = streamApi.deleteMessage(this.#names.workStream);
    try {
      const request = JSON.stringify({ seq, no_erase: true });
      await this.#requester.request(api, request, undefined, readApiResponse);
      return true;
    } catch (error) {
      const code = apiCodeOf(error);
      if (GONE.has(code)) return false;
      throw error;
    }
  }

  /** @returns how many went */
  async purgeSchedules(subject: string): Promise<number> {
    const api = streamApi.purge(this.#names.workStream);
    const request = JSON.stringify({ filter: subject });
    const { purged } = await this.#requester.request(api, request, undefined, (msg) =>
      readApiResponse<{ purged?: number }>(msg),
    );
    if (typeof purged !== "number") throw unreadable("a purge");
    return purged;
  }
}

/** What the server says to the deletion of a message that is not there. */
const GONE: ReadonlySet<number> = new Set([
  API_CODE.messageNotFound,
  API_CODE.sequenceNotFound,
  API_CODE.messageDeleteFailed,
]);
