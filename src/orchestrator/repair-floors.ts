import type { QueueSource, WorkQueue } from "../core/ports/work-queue.ts";

/**
 * The acknowledgement floors of all workflows, as they were when a look at the runs began.
 *
 * What is below a floor, and there when it is looked for afterwards, is not on its way out: the queue has forgotten it. An
 * old floor is on the safe side. Floors go up, so what is below an old one is below the one of now too; and the longer ago
 * it was read, the surer is it that what was acknowledged has been removed. What has been forgotten since then passes for
 * alive until the next look. Where the queue has lost messages meanwhile, and gives their positions to new ones, a message
 * may pass for forgotten that is not: what is dropped of a run that goes on is queued again in the same step.
 */
export class Floors {
  /** Workflows that the queue knows of. */
  readonly workflows: readonly string[];
  readonly #floors: ReadonlyMap<string, number>;

  private constructor(workflows: readonly string[], floors: ReadonlyMap<string, number>) {
    this.workflows = workflows;
    this.#floors = floors;
  }

  static async read(queue: WorkQueue): Promise<Floors> {
    const workflows = (await queue.backlog()).map(({ workflow }) => workflow);
    const floors = new Map<string, number>();
    for (const workflow of workflows) {
      for (const kind of ["start", "work"] as const) {
        const source = { kind, workflow };
        floors.set(nameOf(source), await queue.ackFloor(source));
      }
    }
    return new Floors(workflows, floors);
  }

  /** Position up to which all was believed to be acknowledged; 0 for a source that was not there. */
  of(source: QueueSource): number {
    return this.#floors.get(nameOf(source)) ?? 0;
  }
}

const nameOf = ({ kind, workflow }: QueueSource): string => `${kind}.${workflow}`;
