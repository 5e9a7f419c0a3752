import { z } from "zod";
import type { Clock } from "../../src/core/clock.ts";
import {
  type AnyWorkflow,
  counter,
  type Edge,
  hold,
  nested,
  next,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";
import {
  type Block,
  branchesOf,
  MAYBE,
  meetings,
  PAYLOAD,
  type Program,
  SIGNAL,
  stepped,
  sum,
  VERY_LONG_MS,
} from "./program.ts";

// A program as a workflow of the real language. Every node tells the world that it executes; one that answers adds one to
// the run's counter, so that effects can be held against executions.

/** What nodes know of the world: the process that they run in, and who counts. */
export interface NodeWorld {
  readonly clock: Clock;
  /** A node begins to execute. */
  executes(runId: string, item: number, attempt: number): void;
  /** True when what a breaking node needs is there. */
  isMended(runId: string): boolean;
}

const Fields = { steps: counter(), arrived: counter(), met: counter() };

/** What a node's code sees, as far as it is used here. */
interface Seen {
  readonly run: { readonly id: string };
  readonly item: number;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly wake: { readonly type: string } | null;
  readonly steps: { add(n: number): void };
  readonly arrived: { add(n: number): void; get(): number };
  readonly met: { add(n: number): void; get(): number };
}

type AnyNode = AnyWorkflow["nodes"][string];
/** Where a value goes on: to a node, into a join, or out of the graph. */
type Target = { readonly to: string } | { readonly join: string } | null;
type Run = (seen: Seen, x: never) => unknown;

const Value = z.number();

/** The workflow of a program. */
export function build(name: string, program: Program, world: NodeWorld): AnyWorkflow {
  return new Builder(world).build(name, program);
}

const define = workflow as unknown as (definition: object) => AnyWorkflow;
const defineSplit = split as unknown as (definition: object) => AnyNode;
const defineNode = node as unknown as (definition: object) => AnyNode;

class Builder {
  readonly #nodes: Record<string, AnyNode> = {};
  readonly #edges: Record<string, Edge> = {};
  readonly #world: NodeWorld;
  #count = 0;

  constructor(world: NodeWorld) {
    this.#world = world;
  }

  build(name: string, program: Program): AnyWorkflow {
    const start = this.#sequence(program, null, meetings(program));
    const graph = { nodes: this.#nodes, edges: this.#edges, start };
    return define({ name, version: 1, context: Fields, ...graph });
  }

  /** Adds the nodes of the blocks. @returns the name of the first */
  #sequence(program: Program, target: Target, needed: readonly number[] = []): string {
    let after = target;
    let first = "";
    for (let i = program.length - 1; i >= 0; i--) {
      const block = program[i];
      if (block === undefined) continue;
      first = this.#block(block, after, needed[i] ?? 0);
      after = { to: first };
    }
    return first;
  }

  #block(block: Block, target: Target, needed: number): string {
    switch (block.type) {
      case "step":
        return this.#step(block.ms, target);
      case "retry":
        return this.#retry(block.failures, block.waitMs, target);
      case "fallback":
        return this.#fallback(target);
      case "loop":
        return this.#loop(block.rounds, target);
      case "hold":
        return this.#hold(block.timeoutMs, target);
      case "either":
        return this.#either(block.ms, target);
      case "sleep":
        return this.#sleep(block.ms, target);
      case "child":
        return this.#add("child", nested(this.#child()) as unknown as AnyNode, edgeTo(target));
      case "breaks":
        return this.#breaks(target);
      case "fork":
        return this.#fork(block.width, block.body, target);
      case "meet":
        return this.#meet(block.width, needed, target);
      default:
        throw new Error("there is no such block");
    }
  }

  #step(ms: number, target: Target): string {
    return this.#node("step", target, async (seen, x: number) => {
      if (ms > 0) await this.#wait(ms, seen.signal);
      return this.#done(seen, x);
    });
  }

  #retry(failures: number, waitMs: number, target: Target): string {
    const run = (seen: Seen, x: number): unknown => {
      if (seen.attempt <= failures) throw new Error(`attempt ${seen.attempt} fails`);
      return this.#done(seen, x);
    };
    const retry = { maxAttempts: 5, initialMs: waitMs, backoff: "constant", jitter: 0.5 };
    return this.#node("retry", target, run, { retry });
  }

  #fallback(target: Target): string {
    const instead = this.#node("instead", target, (seen, x: number) => this.#done(seen, x));
    const fails = (): never => {
      throw new Error("always");
    };
    const name = this.#node("fallback", target, fails);
    const out = target === null ? { next: [] } : "to" in target ? { next: [target.to] } : target;
    this.#edges[name] = { ...out, onError: [instead] };
    return name;
  }

  #loop(rounds: number, target: Target): string {
    const out = this.#node("out", target, (seen, x: number) => {
      seen.steps.add(1);
      return next(x);
    });
    const Round = z.object({ x: Value, left: z.number() });
    const name = this.#node(
      "loop",
      null,
      (seen, given: number | z.infer<typeof Round>) => {
        const { x, left } = typeof given === "number" ? { x: given, left: rounds - 1 } : given;
        seen.steps.add(1);
        const value = stepped(x);
        if (left === 0) return next(variant("done", value));
        return next(variant("again", { x: value, left: left - 1 }));
      },
      { input: z.union([Value, Round]), output: variants({ again: Round, done: Value }) },
    );
    this.#edges[name] = { on: { again: [name], done: [out] } };
    return name;
  }

  #hold(timeoutMs: number | null, target: Target): string {
    const run = (seen: Seen, x: number): unknown => {
      if (seen.wake !== null)
        return this.#done(seen, seen.wake.type === "signal" ? x + PAYLOAD : x);
      return timeoutMs === null ? hold({ for: SIGNAL }) : hold({ for: "never", timeoutMs });
    };
    const signals = { [SIGNAL]: z.literal(PAYLOAD), never: z.number() };
    return this.#node("hold", target, run, { signals });
  }

  #either(ms: number, target: Target): string {
    const run = (seen: Seen, x: number): unknown => {
      if (seen.wake === null) return hold({ for: MAYBE, timeoutMs: VERY_LONG_MS });
      return seen.wake.type === "signal" ? hold({ timeoutMs: ms }) : this.#done(seen, x);
    };
    return this.#node("either", target, run, { signals: { [MAYBE]: z.literal(PAYLOAD) } });
  }

  #sleep(ms: number, target: Target): string {
    return this.#node("sleep", target, (seen, x: number) =>
      seen.wake === null ? hold({ timeoutMs: ms }) : this.#done(seen, x),
    );
  }

  #breaks(target: Target): string {
    return this.#node("breaks", target, (seen, x: number) => {
      if (!this.#world.isMended(seen.run.id)) throw new Error("not yet");
      return this.#done(seen, x);
    });
  }

  #fork(width: number, body: Program, target: Target): string {
    const run = (seen: Seen, all: number[]): unknown => this.#done(seen, sum(all));
    const join = this.#node("join", target, run, { input: z.array(Value) });
    const first = this.#sequence(body, { join });
    return this.#spread("fork", width, first);
  }

  #meet(width: number, needed: number, target: Target): string {
    const meet = this.#node("meet", target, (seen, x: number) => {
      seen.steps.add(1);
      seen.arrived.add(1);
      seen.met.add(x);
      return seen.arrived.get() < needed ? hold() : next(stepped(seen.met.get()));
    });
    return this.#spread("spread", width, meet);
  }

  #spread(kind: string, width: number, to: string): string {
    const into = (x: number, seen: Seen): number[] => {
      this.#world.executes(seen.run.id, seen.item, seen.attempt);
      seen.steps.add(1);
      return branchesOf(x, width);
    };
    return this.#add(kind, defineSplit({ context: Fields, input: Value, output: Value, into }), [
      to,
    ]);
  }

  #child(): AnyWorkflow {
    const inner = (run: Run): AnyNode =>
      defineNode({ context: Fields, input: Value, output: Value, run: this.#told(run) });
    return define({
      name: "child",
      version: 1,
      context: Fields,
      nodes: {
        first: inner((_seen, x) => next(x)),
        second: inner((seen, x) => this.#done(seen, x)),
      },
      start: "first",
      edges: { first: ["second"], second: [] },
    });
  }

  /** The item ends with this. */
  #done(seen: Seen, x: number): unknown {
    seen.steps.add(1);
    return next(stepped(x));
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#world.clock.after(ms, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        reject(signal.reason);
      });
    });
  }

  #told(run: Run): Run {
    return (seen, x) => {
      this.#world.executes(seen.run.id, seen.item, seen.attempt);
      return run(seen, x);
    };
  }

  #node<X>(kind: string, target: Target, run: (seen: Seen, x: X) => unknown, more = {}): string {
    const told = this.#told(run as Run);
    const made = defineNode({ context: Fields, input: Value, output: Value, run: told, ...more });
    return this.#add(kind, made, edgeTo(target));
  }

  #add(kind: string, made: AnyNode, edge: Edge): string {
    const name = `${kind}${this.#count++}`;
    this.#nodes[name] = made;
    this.#edges[name] = edge;
    return name;
  }
}

function edgeTo(target: Target): Edge {
  if (target === null) return [];
  return "to" in target ? [target.to] : target;
}
