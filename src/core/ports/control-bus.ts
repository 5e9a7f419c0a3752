/** What an orchestrator tells all workers about a run. Not kept: the checkpoint decides, this only makes haste. */
export interface ControlCommand {
  readonly type: "cancel" | "pause" | "resume";
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
  /** @returns how to stop listening */
  listen(workerId: string, onCommand: (command: ControlCommand) => void): () => void;
}
