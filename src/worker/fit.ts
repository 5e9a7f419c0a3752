import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { AnyWorkflow, WorkflowRegistry } from "../workflows/index.ts";
import type { WorkerScope } from "./scope.ts";

/** Milliseconds after which work that does not fit this worker is offered again. */
export const MISFIT_DELAY_MS = 5_000;
/** Milliseconds after which a message of a run that is just beginning here is looked at again. */
export const BEGINNING_DELAY_MS = 1_000;
/** Misfits that are remembered as said. */
const REMEMBERED = 1_000;

/** Which of this worker's workflows a run follows. What fits none is left for another worker, and said once. */
export class Fit {
  readonly #scope: WorkerScope;
  readonly #registry: WorkflowRegistry;
  readonly #misfits = new Set<string>();

  constructor(scope: WorkerScope, registry: WorkflowRegistry) {
    this.#scope = scope;
    this.#registry = registry;
  }

  /** The workflow that the run follows, or null after the work was left for a worker that has it. */
  of(delivery: Delivery, checkpoint: Checkpoint): AnyWorkflow | null {
    const { workflow: name, version, fingerprint } = checkpoint;
    const workflow = this.known(name, version);
    if (workflow !== null && (fingerprint === "" || workflow.fingerprint === fingerprint))
      return workflow;
    this.report(name, version, fingerprint, workflow);
    delivery.giveBack(MISFIT_DELAY_MS);
    return null;
  }

  /** Leaves a message for a worker of a newer release. */
  leave(delivery: Delivery, what: string): void {
    this.#say(
      `newer/${delivery.workflow}`,
      { workflow: delivery.workflow },
      `${what}: left for a newer worker`,
    );
    delivery.giveBack(MISFIT_DELAY_MS);
  }

  /** This worker's workflow of that name and version, the newest where none is given; null where it has none. */
  known(name: string, version: number | null): AnyWorkflow | null {
    return this.#registry.find(name, version ?? undefined);
  }

  /** Says, once for each graph, that it is not this worker's. */
  report(name: string, version: number, fingerprint: string, mine: AnyWorkflow | null): void {
    const why =
      mine === null
        ? `this worker has no version ${version} of workflow "${name}"`
        : `workflow "${name}" version ${version} has another graph here (${mine.fingerprint}) than the run has ` +
          `(${fingerprint}): give a changed graph a new version`;
    const fields = { workflow: name, version, fingerprint };
    this.#say(
      `${name}@${version}/${fingerprint}`,
      fields,
      `${why}. The work is left for a worker that fits`,
    );
  }

  #say(key: string, fields: object, message: string): void {
    if (this.#misfits.has(key)) return;
    // Anybody may publish requests for versions that never were: what was said is forgotten some time.
    if (this.#misfits.size >= REMEMBERED) this.#misfits.clear();
    this.#misfits.add(key);
    const { workerId } = this.#scope.options;
    this.#scope.log.error({ code: "fingerprint", ...fields, workerId }, message);
  }
}
