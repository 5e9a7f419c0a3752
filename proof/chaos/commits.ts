import { setTimeout as pause } from "node:timers/promises";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { fromToken } from "../../src/core/token.ts";

/**
 * Writes down when each run was committed, by the server's clock and not by anybody's word: it follows the bucket of
 * checkpoints from outside. A checkpoint that was replaced before it was read is missed; a later one never is.
 */
export class CommitLog {
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #times = new Map<string, number[]>();
  #isOver = false;
  #following: Promise<void> | null = null;

  /** @param bucket - name of the bucket of checkpoints */
  constructor(nc: NatsConnection, bucket: string) {
    this.#nc = nc;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
  }

  start(): void {
    this.#following = this.#follow();
  }

  /** Milliseconds since the epoch at which the run was committed, in order. */
  of(runId: string): readonly number[] {
    return this.#times.get(runId) ?? [];
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#following;
  }

  async #follow(): Promise<void> {
    let next = 1;
    while (!this.#isOver) {
      try {
        const js = jetstream(this.#nc, { timeout: 2_000 });
        const consumer = await js.consumers.get(this.#stream, {
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: next,
          headers_only: true,
        });
        // In short pulls: what breaks is simply begun anew after the last message seen.
        for (let left = 60; left > 0 && !this.#isOver; left--) {
          const messages = await consumer.fetch({ max_messages: 2_000, expires: 1_000 });
          for await (const message of messages) {
            next = message.seq + 1;
            this.#note(message.subject, message.info.timestampNanos / 1e6);
          }
        }
        await consumer.delete().catch(() => {});
      } catch {
        await pause(250);
      }
    }
  }

  #note(subject: string, atMs: number): void {
    const runId = fromToken(subject.slice(this.#prefix.length));
    const times = this.#times.get(runId);
    if (times === undefined) this.#times.set(runId, [atMs]);
    else times.push(atMs);
  }
}
