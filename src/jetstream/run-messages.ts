import type { QueuedMessage } from "../core/ports/work-queue.ts";
import { inParallel } from "./in-parallel.ts";
import { type Names, readItemSubject } from "./names.ts";
import { readApiResponse } from "./pub-ack.ts";
import type { Requester } from "./requester.ts";
import { StreamReader } from "./stream-reader.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// What waits for one run, and how to drop it.
//
// M1. Work subjects are never purged. On nats-server 2.15 a purge by subject makes the consumer forget older messages of
//     OTHER runs that are in workers' hands: they are never handed out again (issue 5727). Deleting by sequence is safe,
//     and faster: a purge counts the whole backlog anew.
// M2. Schedules are purged by subject: no consumer filters them.
// M3. The same item may wait more than once, under several message ids; a read of the last by subject shows one of them.

/** Deletions under way at a time. The server drops requests when ten thousand wait. */
const WIDTH = 64;

/** The messages of runs in the work stream. */
export class RunMessages {
  readonly reader: StreamReader;
  readonly #requester: Requester;
  readonly #names: Names;

  constructor(requester: Requester, names: Names) {
    this.#requester = requester;
    this.#names = names;
    this.reader = new StreamReader(requester, names.workStream);
  }

  /** The items that wait, by subject: of one that waits twice the later message. */
  async list(workflow: string, runId: string): Promise<QueuedMessage[]> {
    const messages = await this.reader.lastOfEach([
      this.#names.work(workflow, runId, "*"),
      this.#names.sched(workflow, runId, "*"),
    ]);
    const queued: QueuedMessage[] = [];
    for (const { subject, seq } of messages) {
      const read = readItemSubject(this.#names, subject);
      if (read !== null) queued.push({ item: read.item, seq, scheduled: read.scheduled });
    }
    return queued;
  }

  /** Drops all that waits for the run. @returns how many messages went */
  async drop(workflow: string, runId: string): Promise<number> {
    let dropped = await this.purgeSchedules(this.#names.sched(workflow, runId, "*"));
    // Again until nothing is left to drop (M3). A replica that is behind may still show what is gone.
    for (let before = -1; before < dropped; ) {
      before = dropped;
      const messages = await this.reader.lastOfEach([this.#names.work(workflow, runId, "*")]);
      await inParallel(messages, WIDTH, async ({ seq }) => {
        if (await this.delete(seq)) dropped++;
      });
    }
    return dropped;
  }

  /** Deletes one message. @returns false where it was gone */
  async delete(seq: number): Promise<boolean> {
    const api = `$JS.API.STREAM.MSG.DELETE.${this.#names.workStream}`;
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
    const api = `$JS.API.STREAM.PURGE.${this.#names.workStream}`;
    const request = JSON.stringify({ filter: subject });
    const { purged } = await this.#requester.request(api, request, undefined, (msg) =>
      readApiResponse<{ purged: number }>(msg),
    );
    return purged;
  }
}

/** What the server says to the deletion of a message that is not there. */
const GONE: ReadonlySet<number> = new Set([
  API_CODE.messageNotFound,
  API_CODE.sequenceNotFound,
  API_CODE.messageDeleteFailed,
]);
