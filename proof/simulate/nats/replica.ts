import { type HeaderMap, matcher } from "./message.ts";

/** A message in a stream. */
export interface Stored {
  readonly seq: number;
  readonly subject: string;
  readonly headers: HeaderMap;
  readonly body: string;
  /** When it was stored, in milliseconds since the epoch. */
  readonly at: number;
}

/** What happens to a stream, in order: a replica that has applied all of it is up to date. */
export type StreamEvent =
  | { readonly type: "add"; readonly message: Stored }
  | { readonly type: "remove"; readonly seq: number };

/** One copy of a stream's messages. */
export class Replica {
  readonly messages = new Map<number, Stored>();
  readonly #bySubject = new Map<string, number[]>();
  /** How many of the stream's events it has applied. */
  applied = 0;

  apply(event: StreamEvent): void {
    this.applied += 1;
    if (event.type === "remove") {
      this.#remove(event.seq);
      return;
    }
    const { message } = event;
    this.messages.set(message.seq, message);
    const seqs = this.#bySubject.get(message.subject);
    if (seqs === undefined) this.#bySubject.set(message.subject, [message.seq]);
    else seqs.push(message.seq);
  }

  /** Positions of the subject's messages, oldest first. */
  on(subject: string): readonly number[] {
    return this.#bySubject.get(subject) ?? [];
  }

  last(subject: string): Stored | null {
    return this.messages.get(this.on(subject).at(-1) ?? 0) ?? null;
  }

  /** The last message of each subject that fits one of the patterns, in stream order. */
  lastOfEach(patterns: readonly string[]): Stored[] {
    const found: Stored[] = [];
    const wanted = patterns.map(matcher);
    for (const [subject, seqs] of this.#bySubject) {
      if (!wanted.some((fits) => fits(subject))) continue;
      const message = this.messages.get(seqs.at(-1) ?? 0);
      if (message !== undefined) found.push(message);
    }
    return found.sort((a, b) => a.seq - b.seq);
  }

  /** Messages that fit, from a position on, in stream order. */
  from(pattern: string, seq: number): Stored[] {
    const found: Stored[] = [];
    const fits = matcher(pattern);
    for (const message of this.messages.values()) {
      if (message.seq >= seq && fits(message.subject)) found.push(message);
    }
    return found.sort((a, b) => a.seq - b.seq);
  }

  #remove(seq: number): void {
    const message = this.messages.get(seq);
    if (message === undefined) return;
    this.messages.delete(seq);
    const left = this.on(message.subject).filter((other) => other !== seq);
    if (left.length === 0) this.#bySubject.delete(message.subject);
    else this.#bySubject.set(message.subject, left);
  }
}
