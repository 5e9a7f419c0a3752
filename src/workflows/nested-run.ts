import type { Routed } from "../core/checkpoint/routed.ts";
import { FatalError } from "../core/errors.ts";
import { askedDelayMs } from "../core/failure.ts";
import { type Json, toJson } from "../core/json.ts";
import type { AnyContext } from "./context.ts";
import { route, routeError } from "./route.ts";
import { hold, next, nextAll, type Transition } from "./transition.ts";
import type { AnyWorkflow } from "./workflow.ts";
import { nodeOf } from "./workflow-policy.ts";

// A whole run inside one attempt, in memory. Invariants:
// 1. One item at a time, in the order of the queue: a node sees what those before it wrote into the context.
// 2. Forks and joins mean what they mean in a run of its own: a fork closes when its last branch has ended, and what
//    its joins have collected goes on in the branch that it was opened in.
// 3. Values pass from node to node in their JSON form, as they would through a queue.

/** Steps after which timers and signals get their turn, so that a loop cannot starve the process. */
const STEPS_PER_TURN = 256;

/** Branch indexes from the outermost fork to the innermost: sorts into the order of forks. */
type Path = readonly number[];

interface Placed {
  readonly path: Path;
  readonly value: Json;
}

interface Fork {
  readonly parent: Fork | null;
  /** Where the item stood that opened the fork. */
  readonly path: Path;
  readonly emptyJoins: readonly string[];
  readonly arrived: Map<string, Placed[]>;
  /** Items and inner forks in it that have not ended. */
  open: number;
}

interface Item {
  readonly node: string;
  readonly input: Json;
  readonly fork: Fork | null;
  readonly path: Path;
}

/** Runs a workflow from its start to its last item, and makes what its ends gave one transition. */
export async function runNested(
  workflow: AnyWorkflow,
  context: AnyContext,
  input: unknown,
  name: string,
): Promise<Transition<unknown>> {
  const run = new NestedRun(workflow, context, name);
  return await run.run(toJson(input, `the input of node "${name}"`));
}

class NestedRun {
  readonly #workflow: AnyWorkflow;
  readonly #context: AnyContext;
  readonly #name: string;
  readonly #queue: Item[] = [];
  readonly #ends: Placed[] = [];
  /** True where an outermost fork ended in no join: then the run gives branches, not one value. */
  #branches = false;

  constructor(workflow: AnyWorkflow, context: AnyContext, name: string) {
    this.#workflow = workflow;
    this.#context = context;
    this.#name = name;
  }

  async run(input: Json): Promise<Transition<unknown>> {
    const { signal } = this.#context;
    this.#queue.push({ node: this.#workflow.start, input, fork: null, path: [] });
    for (let step = 1, item = this.#queue.shift(); item; item = this.#queue.shift(), step++) {
      signal.throwIfAborted();
      if (step % STEPS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      const routed = await this.#step(item);
      if (routed !== null) this.#advance(item, routed);
      this.#leave(item.fork);
    }
    return this.#answer();
  }

  /** Executes an item. @returns what follows from it, or null where it held */
  async #step(item: Item): Promise<Routed | null> {
    const place = `${this.#name}/${item.node}`;
    const context = { ...this.#context, node: place, wake: null };
    try {
      const node = nodeOf(this.#workflow, item.node);
      const answer = await node.execute(context, item.input, place);
      switch (answer.type) {
        case "hold":
          if (answer.wait === null) return null;
          throw new FatalError(
            `node "${place}" holds for a signal or a time, which it cannot in a nested workflow`,
          );
        case "abort":
          throw answer.error;
        default:
          return route(this.#workflow, item.node, answer);
      }
    } catch (error) {
      const instead = this.#fallback(item, error);
      if (instead === null) throw error;
      return instead;
    }
  }

  /** Who asks to be tried again later, and who was told to stop, has not failed for good. */
  #fallback(item: Item, error: unknown): Routed | null {
    if (askedDelayMs(error) !== null || this.#context.signal.aborted) return null;
    return routeError(this.#workflow, item.node, item.input);
  }

  #advance(item: Item, routed: Routed): void {
    const fork = routed.forks ? this.#open(item, routed.emptyJoins) : item.fork;
    for (const [index, successor] of routed.successors.entries()) {
      const path = routed.forks ? [...item.path, index] : item.path;
      if (successor.type === "item") {
        this.#add(successor.node, this.#copy(successor.input, item), fork, path);
        continue;
      }
      const value = this.#copy(successor.value, item);
      if (successor.type === "end") this.#ends.push({ path, value });
      else if (fork === null) this.#add(successor.node, [value], null, path);
      else {
        const arrived = fork.arrived.get(successor.node) ?? [];
        arrived.push({ path, value });
        fork.arrived.set(successor.node, arrived);
      }
    }
    if (routed.forks) this.#leave(fork);
  }

  /** Opens a fork. It counts as open itself until its branches have been added. */
  #open(item: Item, emptyJoins: readonly string[]): Fork {
    if (item.fork !== null) item.fork.open += 1;
    return { parent: item.fork, path: item.path, emptyJoins, arrived: new Map(), open: 1 };
  }

  #add(node: string, input: Json, fork: Fork | null, path: Path): void {
    if (fork !== null) fork.open += 1;
    this.#queue.push({ node, input, fork, path });
  }

  /** One item or inner fork less. A fork that was the last of its parent closes that as well. */
  #leave(left: Fork | null): void {
    for (let fork = left; fork !== null; fork = fork.parent) {
      fork.open -= 1;
      if (fork.open > 0) return;
      this.#close(fork);
    }
  }

  #close(fork: Fork): void {
    const reached = [...fork.arrived.keys()];
    const joins = reached.length > 0 ? reached : fork.emptyJoins;
    for (const target of joins) {
      const arrived = [...(fork.arrived.get(target) ?? [])].sort(inForkOrder);
      this.#add(
        target,
        arrived.map(({ value }) => value),
        fork.parent,
        fork.path,
      );
    }
    if (joins.length === 0 && fork.parent === null) this.#branches = true;
  }

  #answer(): Transition<unknown> {
    const [first] = this.#ends;
    if (first === undefined) return this.#branches ? nextAll([]) : hold();
    if (this.#ends.length === 1 && first.path.length === 0) return next(first.value);
    return nextAll(this.#ends.sort(inForkOrder).map(({ value }) => value));
  }

  #copy(value: Json, item: Item): Json {
    return toJson(value, `the output of node "${this.#name}/${item.node}"`);
  }
}

function inForkOrder(left: Placed, right: Placed): number {
  for (const [depth, index] of left.path.entries()) {
    const other = right.path[depth] ?? -1;
    if (index !== other) return index - other;
  }
  return left.path.length - right.path.length;
}
