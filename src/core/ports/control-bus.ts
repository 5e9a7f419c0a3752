/** What an orchestrator tells all workers about a run. Not kept: the checkpoint decides, this only makes haste. */
export interface ControlCommand {
  /** `restored`: the run is older than workers may know it. They forget it, and stop what they execute of it. */
  readonly type: "cancel" | "pause" | "resume" | "restored";
  readonly runId: string;
  /** Revision of the checkpoint that says so. */
  readonly revision: number;
}

/** True when all have answered that are waited for. */
export function haveAnswered(
  heard: ReadonlySet<string>,
  answers: number | readonly string[],
): boolean {
  return typeof answers === "number" ? heard.size >= answers : answers.every((id) => heard.has(id));
}

/** What it returns is waited for, where it is a promise. */
export type CommandListener = (command: ControlCommand) => unknown;

export interface ControlBus {
  /** Tells all workers. */
  tell(command: ControlCommand): void;
  /**
   * Tells all workers and waits until these, or so many, have answered, or the time is over.
   *
   * @returns ids of the workers that answered
   */
  ask(
    command: ControlCommand,
    answers: number | readonly string[],
    timeoutMs: number,
  ): Promise<readonly string[]>;
  /**
   * Hears commands. The answer goes out when what is returned has resolved.
   *
   * @returns how to stop listening
   */
  listen(workerId: string, onCommand: CommandListener): () => void;
}
