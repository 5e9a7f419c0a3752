import type { Backend } from "../core/ports/backend.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";

/** Where text goes. */
export interface Sink {
  write(text: string): void;
  /** Characters in a line of the terminal; null where it is none. */
  readonly columns: number | null;
  /** True where escape codes for colors are wanted. */
  readonly colors: boolean;
}

/** What a command sees of NATS: the stores, and whoever answers the API. */
export interface Door {
  /**
   * Opens the stores the first time: who only asks the service needs no permission for them.
   *
   * @param namespace - another one than the door's own
   */
  backend(namespace?: string): Promise<Backend>;
  /**
   * Asks the orchestrator service.
   *
   * @param namespace - another one than the door's own
   * @returns the body of the reply, or null where no service runs
   * @throws FloxideError `timeout` where one runs and does not answer in time
   */
  ask(verb: string, request: object, timeoutMs: number, namespace?: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The process as commands see it: a test hands in another one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly out: Sink;
  readonly err: Sink;
  readStdin(): Promise<string>;
  now(): number;
  open(options: JetStreamOptions): Promise<Door>;
  /** Resolves with the name of the first signal that asks the process to stop. A second one ends it at once. */
  stopAsked(): Promise<string>;
}
