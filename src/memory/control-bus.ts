import {
  type CommandListener,
  type ControlBus,
  type ControlCommand,
  haveAnswered,
} from "../core/ports/control-bus.ts";
import type { Handle } from "./handle.ts";
import type { Shared } from "./shared.ts";

/** Commands to all workers of a world. Nothing is kept: who does not listen does not hear. */
export class MemoryControlBus implements ControlBus {
  readonly #shared: Shared;
  readonly #handle: Handle;

  constructor(shared: Shared, handle: Handle) {
    this.#shared = shared;
    this.#handle = handle;
  }

  tell(command: ControlCommand): void {
    this.#handle.check();
    this.#send(command, () => {});
  }

  async ask(
    command: ControlCommand,
    answers: number | readonly string[],
    timeoutMs: number,
  ): Promise<readonly string[]> {
    this.#handle.check();
    const answered = new Set<string>();
    if (haveAnswered(answered, answers)) this.#send(command, () => {});
    else await this.#collect(command, answers, timeoutMs, answered);
    return [...answered];
  }

  listen(workerId: string, onCommand: CommandListener): () => void {
    this.#handle.check();
    const { controlListeners } = this.#shared;
    const listener = { workerId, onCommand };
    controlListeners.add(listener);
    return this.#handle.hold(() => controlListeners.delete(listener));
  }

  #collect(
    command: ControlCommand,
    answers: number | readonly string[],
    timeoutMs: number,
    answered: Set<string>,
  ): Promise<void> {
    return new Promise((resolve) => {
      const stopWaiting = this.#shared.options.clock.after(timeoutMs, () => done());
      const done = this.#handle.hold(() => {
        stopWaiting();
        resolve();
      });
      this.#send(command, (workerId) => {
        answered.add(workerId);
        if (haveAnswered(answered, answers)) done();
      });
    });
  }

  #send(command: ControlCommand, onAnswer: (workerId: string) => void): void {
    const { controlListeners } = this.#shared;
    for (const listener of controlListeners) {
      queueMicrotask(() => {
        if (!controlListeners.has(listener)) return;
        void Promise.resolve(listener.onCommand({ ...command })).then(() =>
          onAnswer(listener.workerId),
        );
      });
    }
  }
}
