import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import type { Backend } from "../../src/core/ports/backend.ts";
import type { Versioned } from "../../src/core/ports/stores.ts";
import type { Delivery } from "../../src/core/ports/work-queue.ts";
import { Outside } from "../../src/engine/outside.ts";
import { RunSession } from "../../src/engine/session.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Carry } from "../../src/worker/carry.ts";
import { Executor } from "../../src/worker/executor.ts";
import { resolveWorkerOptions } from "../../src/worker/options.ts";
import { Running } from "../../src/worker/running.ts";
import type { WorkerScope } from "../../src/worker/scope.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";

const KNOWN = { version: 1, fingerprint: "f", inputHash: "h", startSeq: 1, context: {} };

/** The parts of worker processes on one memory world, for tests that put what they do in order by hand. */
export class Stage {
  readonly backend: Backend = new MemoryWorld().open();
  readonly outside: Outside;
  readonly #flow: AnyWorkflow;
  readonly #executor: Executor;
  readonly #scope: WorkerScope;
  /** What became of messages, in order. */
  readonly told: string[] = [];
  #keys = 0;

  /** @param through - what workers see of the stores */
  constructor(
    flow: AnyWorkflow,
    { clock = systemClock, through = {} }: { clock?: Clock; through?: Partial<Backend> } = {},
  ) {
    this.#flow = flow;
    const widths = { inline: 1, chunk: 1, field: 8_192 };
    this.outside = new Outside(this.backend.values, 1_000_000, widths, () => `k${++this.#keys}`);
    this.#scope = {
      backend: Object.assign(Object.create(this.backend) as Backend, through),
      options: resolveWorkerOptions({}),
      clock,
      log: silentLogger,
      stopping: () => false,
      runEnded: () => {},
    };
    this.#executor = new Executor(this.#scope, new Running(clock), this.outside);
  }

  get executor(): Executor {
    return this.#executor;
  }

  /** What a process knows of the run, which it has not looked at yet. */
  session(runId = "r"): RunSession {
    return new RunSession(runId, {
      store: this.backend.contexts,
      outside: this.outside,
      clock: systemClock,
      by: "w",
      spareBytes: 0,
      newCommit: () => `c${++this.#keys}`,
    });
  }

  /** What a process knows of a run that it begins; nothing is written before its first commit. */
  begun(node: string, input: number, runId = "r"): RunSession {
    const session = this.session(runId);
    const checkpoint = newCheckpoint({ ...KNOWN, runId, workflow: "w", createdAt: 0 }, 0);
    session.begin(checkpoint, { ...KNOWN, type: "start", node, input });
    return session;
  }

  /** Has a process carry a message of the item. */
  carry(
    session: RunSession,
    from: Versioned,
    item: number,
    { turn = 0, deliveries = 1 }: { readonly turn?: number; readonly deliveries?: number } = {},
  ): Promise<void> {
    const delivery = {
      kind: "work",
      deliveries,
      ack: () => this.told.push(`ack ${item}`),
      giveBack: () => this.told.push(`give back ${item}`),
    } as unknown as Delivery;
    const of = { carrier: item, turn };
    const carry = new Carry(this.#scope, this.#executor, delivery, of, session, this.#flow);
    return carry.run(from.checkpoint, from.revision);
  }
}

/** What the process knows. @throws Error where that is nothing */
export function knownOf({ known }: RunSession): Versioned {
  if (known === null) throw new Error("nothing is known of the run");
  return known;
}
