import type { HistoryStore } from "../core/ports/stores.ts";
import type { HistoryEvent } from "../core/records/history-event.ts";
import { HistoryEventSchema } from "../core/records/history-event.ts";
import type { Handle } from "./handle.ts";
import type { Shared } from "./shared.ts";
import { read, write } from "./text.ts";

interface RunTexts {
  readonly byNumber: Map<number, string>;
  /** Times that something was added: tells whether anything was since. */
  appends: number;
}

/** Events of all runs, as text, by workflow and run. */
export type HistoryTexts = Map<string, RunTexts>;

/** What happened to runs, in memory. A run's events go when nothing was added for as long as ended runs are kept. */
export class MemoryHistoryStore implements HistoryStore {
  readonly #texts: HistoryTexts;
  readonly #shared: Shared;
  readonly #handle: Handle;

  constructor(texts: HistoryTexts, shared: Shared, handle: Handle) {
    this.#texts = texts;
    this.#shared = shared;
    this.#handle = handle;
  }

  async append(workflow: string, runId: string, events: readonly HistoryEvent[]): Promise<void> {
    this.#handle.check();
    const { expiries, options } = this.#shared;
    const key = keyOf(workflow, runId);
    const texts = this.#texts.get(key) ?? { byNumber: new Map<number, string>(), appends: 0 };
    for (const event of events) {
      const what = `event ${event.number} of run "${runId}"`;
      texts.byNumber.set(event.number, write(event, options.maxValueBytes, what));
    }
    this.#texts.set(key, texts);
    texts.appends += 1;
    const { appends } = texts;
    expiries.at(options.clock.now() + options.retentionMs, () => {
      if (texts.appends === appends) this.#texts.delete(key);
    });
  }

  async list(
    workflow: string,
    runId: string,
    after: number,
    limit: number,
  ): Promise<readonly HistoryEvent[]> {
    this.#handle.check();
    this.#shared.expiries.settle();
    return [...(this.#texts.get(keyOf(workflow, runId))?.byNumber ?? [])]
      .filter(([number]) => number > after)
      .sort(([a], [b]) => a - b)
      .slice(0, limit)
      .map(([number, text]) => read(HistoryEventSchema, text, `event ${number} of run "${runId}"`));
  }
}

const keyOf = (workflow: string, runId: string): string => `${workflow} ${runId}`;
