import type {
  Backlog,
  Delivery,
  OldMessage,
  QueuedMessage,
  QueuedStart,
  QueueSource,
  StartPublishing,
  WorkQueue,
} from "../core/ports/work-queue.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { readStart, startRequestBody } from "../core/records/start-request.ts";
import { namedIn, type QueuedItem, type WorkMessage } from "../core/records/work-message.ts";
import { toToken } from "../core/token.ts";
import type { Handle } from "./handle.ts";
import type { Puller } from "./lane.ts";
import type { Message, NewMessage } from "./message.ts";
import type { Shared } from "./shared.ts";
import { checkSize } from "./text.ts";

/** The work queue of one opened backend. Deliveries of one that is closed do nothing: as if its process had died. */
export class MemoryWorkQueue implements WorkQueue {
  readonly ackWaitMs: number;
  readonly #shared: Shared;
  readonly #handle: Handle;

  constructor(shared: Shared, handle: Handle) {
    this.ackWaitMs = shared.options.ackWaitMs;
    this.#shared = shared;
    this.#handle = handle;
  }

  async prepare(workflow: string): Promise<void> {
    this.#handle.check();
    this.#shared.stream.prepare(workflow);
  }

  async start(
    request: StartRequest,
    { infoWritten, anew = false }: StartPublishing,
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }> {
    this.#handle.check();
    const { workflow } = request;
    const messageId = anew ? null : request.runId;
    return acceptStart(this.#shared, workflow, startRequestBody(request), messageId, infoWritten);
  }

  async startAt(seq: number): Promise<StartRequest | null> {
    this.#handle.check();
    const message = this.#shared.stream.at(seq);
    return message?.kind === "start" ? readStart(message, this.#shared.options.namespace) : null;
  }

  async enqueue(items: readonly QueuedItem[]): Promise<void> {
    this.#handle.check();
    for (const item of items) this.#shared.stream.publish(this.#message("work", item));
  }

  async schedule(item: QueuedItem, atMs: number): Promise<void> {
    this.#handle.check();
    this.#shared.stream.schedule(this.#message("sched", item), atMs);
  }

  async unschedule(workflow: string, runId: string, item: number, turn: number): Promise<void> {
    this.#handle.check();
    const subject = `${this.#subject("sched", workflow, runId, item)}.${turn}`;
    this.#shared.stream.unschedule(subject);
  }

  async pull(
    source: QueueSource,
    max: number,
    deliver: (delivery: Delivery) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#handle.check();
    if (signal.aborted || max <= 0) return;
    const { agenda, stream, options } = this.#shared;
    await new Promise<void>((resolve, reject) => {
      const puller: Puller = {
        wanted: max,
        deliver: (message) => deliver(this.#delivery(message)),
        end: (error) => {
          if (error !== undefined) reject(error);
          leave();
        },
      };
      const end = (): void => puller.end();
      const unwatch = agenda.watch();
      const stopWaiting = options.clock.after(options.patienceMs, end);
      signal.addEventListener("abort", end, { once: true });
      const leave = this.#handle.hold(() => {
        stream.lane(source).leave(puller);
        signal.removeEventListener("abort", end);
        stopWaiting();
        unwatch();
        resolve();
      });
      stream.wait(source, puller);
    });
  }

  async startsWaiting(limit: number, after = 0): Promise<readonly QueuedStart[]> {
    this.#handle.check();
    return this.#shared.stream
      .starts()
      .filter(({ seq }) => seq > after)
      .slice(0, limit)
      .map(({ workflow, seq, acceptedAt, messageId, infoWritten, body }) => ({
        workflow,
        seq,
        acceptedAt,
        messageId,
        infoWritten,
        body,
      }));
  }

  async requeueStart(start: QueuedStart): Promise<void> {
    this.#handle.check();
    const { workflow, body, infoWritten, seq } = start;
    const stored = this.#shared.stream.at(seq);
    if (stored?.kind !== "start" || stored.workflow !== workflow) return;
    acceptStart(this.#shared, workflow, body, null, infoWritten);
    await this.drop(seq);
  }

  async dropRun(workflow: string, runId: string): Promise<number> {
    this.#handle.check();
    const messages = this.#shared.stream.ofRun(workflow, runId);
    for (const message of messages) this.#shared.stream.remove(message);
    return messages.length;
  }

  async queued(workflow: string, runId: string): Promise<readonly QueuedMessage[]> {
    this.#handle.check();
    return this.#shared.stream.ofRun(workflow, runId).map((message) => ({
      item: message.of?.item ?? 0,
      seq: message.seq,
      scheduled: message.state === "scheduled",
      ...namedIn(message.body),
    }));
  }

  async oldest(workflow: string, limit: number): Promise<readonly OldMessage[]> {
    this.#handle.check();
    return this.#shared.stream
      .items(workflow)
      .slice(0, limit)
      .map(({ seq, of }) => ({ runId: of?.runId ?? "", seq }));
  }

  async drop(seq: number): Promise<void> {
    this.#handle.check();
    const message = this.#shared.stream.at(seq);
    if (message !== null) this.#shared.stream.remove(message);
  }

  async ackFloor(source: QueueSource): Promise<number> {
    this.#handle.check();
    this.#shared.agenda.settle();
    return this.#shared.stream.lane(source).floor;
  }

  /** A queue in memory never comes back. */
  async replaceAhead(): Promise<readonly string[]> {
    return [];
  }

  async backlog(): Promise<readonly Backlog[]> {
    this.#handle.check();
    const { stream } = this.#shared;
    return stream.workflows().map((workflow) => {
      const starts = stream.lane({ kind: "start", workflow }).counts();
      const items = stream.lane({ kind: "work", workflow }).counts();
      return {
        workflow,
        starts: starts.waiting,
        items: items.waiting,
        inFlight: starts.inFlight + items.inFlight,
      };
    });
  }

  #message(branch: "work" | "sched", queued: QueuedItem): NewMessage {
    const { workflow, epoch, salt, ...message } = queued;
    const { runId, item, turn } = message satisfies WorkMessage;
    const place = this.#subject(branch, workflow, runId, item);
    const subject = branch === "sched" ? `${place}.${turn}` : place;
    const body = JSON.stringify(message);
    checkSize(body, this.#shared.options.maxValueBytes, `item ${item} of run "${runId}"`);
    return {
      kind: "work",
      workflow,
      subject,
      messageId: `${runId}/${item}/${epoch}/${turn}/${salt}`,
      infoWritten: false,
      body,
      of: { runId, item, turn },
    };
  }

  #subject(branch: string, workflow: string, runId: string, item: number): string {
    return `${this.#shared.options.namespace}.${branch}.${workflow}.${toToken(runId)}.${item}`;
  }

  #delivery(message: Message): Delivery {
    const { stream } = this.#shared;
    const { kind, workflow, subject, seq, deliveries, acceptedAt, messageId, infoWritten, body } =
      message;
    const open = (act: () => void) => (): void => {
      if (!this.#handle.closed) act();
    };
    return {
      kind,
      workflow,
      subject,
      seq,
      deliveries,
      acceptedAt,
      messageId,
      infoWritten,
      distrust: null,
      body,
      ack: open(() => stream.remove(message)),
      giveBack: (delayMs = 0) => open(() => stream.giveBack(message, deliveries, delayMs))(),
      working: open(() => stream.working(message)),
    };
  }
}

/** Accepts a start request as somebody published it, well-formed or not. */
export function acceptStart(
  shared: Shared,
  workflow: string,
  body: string,
  messageId: string | null,
  infoWritten: boolean,
): { readonly seq: number; readonly duplicate: boolean } {
  checkSize(
    body,
    shared.options.maxValueBytes,
    `the start request of run "${messageId ?? "without id"}"`,
  );
  return shared.stream.publish({
    kind: "start",
    workflow,
    subject: `${shared.options.namespace}.start.${workflow}`,
    messageId,
    infoWritten,
    body,
    of: null,
  });
}
