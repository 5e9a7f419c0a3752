import type { ControlCommand } from "../core/ports/control-bus.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { Agenda } from "./agenda.ts";
import type { ResolvedMemoryOptions } from "./options.ts";
import type { Stream } from "./stream.ts";

/** Takes a command and answers with the worker's id. */
interface ControlListener {
  readonly workerId: string;
  readonly onCommand: (command: ControlCommand) => void;
}

/** What all backends of one world share, beside the tables. */
export interface Shared {
  readonly options: ResolvedMemoryOptions;
  /** What the queue does by itself; somebody may wait for it. */
  readonly agenda: Agenda;
  /** What goes by itself; nobody waits for that, so it needs no timer. */
  readonly expiries: Agenda;
  readonly stream: Stream;
  readonly controlListeners: Set<ControlListener>;
  readonly endedListeners: Set<(info: RunInfo) => void>;
}
