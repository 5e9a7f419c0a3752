import type { Change, Refusal } from "../../../src/core/checkpoint/change.ts";
import type { Checkpoint, RunStatus } from "../../../src/core/checkpoint/checkpoint.ts";
import type { Routed } from "../../../src/core/checkpoint/routed.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { Json } from "../../../src/core/json.ts";

// What a run should do, written another way than the checkpoint: a tree of forks that hold their members as objects
// instead of counting them, joins computed when a fork is found to be empty, signals and holds as two plain queues.

interface Place {
  readonly fork: ModelFork;
  readonly index: number;
}

interface ModelFork {
  readonly id: number;
  readonly parent: Place | null;
  readonly emptyJoins: readonly string[];
  readonly members: Set<unknown>;
  readonly gifts: { readonly target: string; readonly index: number; readonly value: Json }[];
}

export interface ModelItem {
  readonly node: string;
  readonly input: Json;
  readonly place: Place | null;
  hold: {
    readonly for: string | null;
    readonly until: number | null;
    readonly since: number;
  } | null;
  wake: Json;
  turn: number;
  attempt: number;
  isTrying: boolean;
  lost: number;
  failure: Failure | null;
  hasFailed: boolean;
}

/** How many of each thing a run should have counted. */
interface Tally {
  completed: number;
  failed: number;
  retries: number;
  lost: number;
}

/** What an item has been through, as long as it has been through nothing. */
const UNTRIED = { attempt: 1, isTrying: false, lost: 0, failure: null } as const;

export class ModelRun {
  status: RunStatus = "running";
  hasStarted = false;
  readonly items = new Map<number, ModelItem>();
  readonly outputs: Json[] = [];
  /** What answers have added to the context, one entry each. */
  readonly log: Json[] = [];
  readonly tally: Tally = { completed: 0, failed: 0, retries: 0, lost: 0 };
  readonly #forks = new Set<ModelFork>();
  #signals: { readonly name: string; readonly payload: Json }[] = [];
  #forksMade = 0;
  #itemsMade = 0;

  get itemsMade(): number {
    return this.#itemsMade;
  }

  get signals(): readonly { readonly name: string; readonly payload: Json }[] {
    return this.#signals;
  }

  get hasEnded(): boolean {
    return this.status !== "running" && this.status !== "paused";
  }

  /** Why a change should not count, or null where it should. */
  refusal(change: Change, now: number): Refusal | null {
    switch (change.type) {
      case "handed-over":
      case "history-kept":
        return null;
      case "pause":
        return this.status === "running" ? null : "status";
      case "resume":
        return this.status === "paused" || this.status === "failed" ? null : "status";
      default:
        return this.#refusalUnlessEnded(change, now);
    }
  }

  start(node: string, input: Json): void {
    this.hasStarted = true;
    this.#adopt([this.#make(node, input, null)], [1]);
  }

  /** Ends an item; `ids` are those that the checkpoint gave to what follows. */
  advance(id: number, routed: Routed, ids: readonly number[], checkpoint: Checkpoint): void {
    const item = this.#take(id);
    const made: ModelItem[] = [];
    const inner = routed.forks ? this.#open(item.place, routed.emptyJoins) : null;
    for (const [i, successor] of routed.successors.entries()) {
      const place = inner === null ? item.place : { fork: inner, index: i };
      if (successor.type === "end") this.outputs.push(successor.value);
      else if (successor.type === "item")
        made.push(this.#make(successor.node, successor.input, place));
      else if (place === null) made.push(this.#make(successor.node, [successor.value], null));
      else
        place.fork.gifts.push({
          target: successor.node,
          index: place.index,
          value: successor.value,
        });
    }
    this.#closeEmptyForks(made);
    this.#adopt(made, ids, checkpoint);
    if (this.items.size === 0) {
      this.status = "completed";
      this.#signals = [];
    }
  }

  hold(id: number, name: string | null, until: number | null, now: number): boolean {
    const item = this.#item(id);
    Object.assign(item, { turn: item.turn + 1, wake: null, ...UNTRIED });
    item.hold = { for: name, until, since: now };
    const early = this.#signals.find((signal) => signal.name === name);
    if (early === undefined) return false;
    this.#signals = this.#signals.filter((signal) => signal !== early);
    this.#release(item, { type: "signal", ...early });
    return true;
  }

  /** @returns the item that the signal should release, or null */
  signal(name: string, payload: Json): number | null {
    const waiting = [...this.items]
      .filter(([, item]) => item.hold?.for === name)
      .sort(([a, x], [b, y]) => (x.hold?.since ?? 0) - (y.hold?.since ?? 0) || a - b);
    const [first] = waiting;
    if (first === undefined) {
      this.#signals.push({ name, payload });
      return null;
    }
    this.#release(first[1], { type: "signal", name, payload });
    return first[0];
  }

  wake(id: number): void {
    const item = this.#item(id);
    this.#release(item, { type: "timeout", name: item.hold?.for ?? null });
  }

  retry(id: number, failure: Failure): void {
    const item = this.#item(id);
    const { attempt, turn } = item;
    Object.assign(item, { ...UNTRIED, turn: turn + 1, attempt: attempt + 1, failure });
  }

  try(id: number): void {
    this.#item(id).isTrying = true;
  }

  lose(id: number, failure: Failure): void {
    const item = this.#item(id);
    Object.assign(item, { isTrying: true, lost: item.lost + 1, failure });
  }

  giveBack(id: number): void {
    this.#item(id).isTrying = false;
  }

  fail(id: number): void {
    const item = this.#item(id);
    Object.assign(item, { turn: item.turn + 1, hasFailed: true, failure: null });
    this.status = "failed";
  }

  /** @returns ids of the items that should be queued again */
  resume(): readonly number[] {
    this.status = "running";
    const wanted: number[] = [];
    for (const [id, item] of this.items) {
      item.isTrying = false;
      if (item.hasFailed) {
        Object.assign(item, { ...UNTRIED, turn: item.turn + 1, hasFailed: false });
      }
      if (item.hold === null || item.hold.until !== null) wanted.push(id);
    }
    return wanted.sort((a, b) => a - b);
  }

  /** Open forks, and how much is open in each. */
  get forks(): Readonly<Record<number, number>> {
    return Object.fromEntries([...this.#forks].map((fork) => [fork.id, fork.members.size]));
  }

  #refusalUnlessEnded(change: Change, now: number): Refusal | null {
    if (change.type === "cancel" && this.status === "cancelled") return "status";
    if (change.type === "start" && this.hasStarted) return "started";
    if (this.hasEnded) return "terminal";
    if (!("turn" in change)) return null;
    const item = this.items.get(change.item);
    if (item === undefined) return "gone";
    if (item.turn !== change.turn || isStale(change, item, now)) return "stale";
    const seen = change.type === "complete" ? change.seen : undefined;
    return seen === undefined || seen === this.log.length ? null : "outdated";
  }

  #release(item: ModelItem, why: Json): void {
    item.hold = null;
    item.turn += 1;
    item.wake = why;
  }

  #item(id: number): ModelItem {
    const item = this.items.get(id);
    if (item === undefined) throw new Error(`the model has no item ${id}`);
    return item;
  }

  #take(id: number): ModelItem {
    const item = this.#item(id);
    this.items.delete(id);
    item.place?.fork.members.delete(item);
    return item;
  }

  #open(parent: Place | null, emptyJoins: readonly string[]): ModelFork {
    this.#forksMade += 1;
    const fork = { id: this.#forksMade, parent, emptyJoins, members: new Set(), gifts: [] };
    this.#forks.add(fork);
    parent?.fork.members.add(fork);
    return fork;
  }

  #closeEmptyForks(made: ModelItem[]): void {
    for (;;) {
      const empty = [...this.#forks].find((fork) => fork.members.size === 0);
      if (empty === undefined) return;
      this.#forks.delete(empty);
      const joins = joinsOf(empty);
      for (const [target, values] of joins) made.push(this.#make(target, values, empty.parent));
      empty.parent?.fork.members.delete(empty);
    }
  }

  #make(node: string, input: Json, place: Place | null): ModelItem {
    this.#itemsMade += 1;
    const item = {
      node,
      input,
      place,
      hold: null,
      wake: null,
      turn: 0,
      ...UNTRIED,
      hasFailed: false,
    };
    place?.fork.members.add(item);
    return item;
  }

  /** Finds out which id is whose: by all that can be seen of an item. Those that look the same are the same. */
  #adopt(made: readonly ModelItem[], ids: readonly number[], checkpoint?: Checkpoint): void {
    const left = [...made];
    for (const id of ids) {
      const seen = checkpoint?.items[id];
      const at = left.findIndex((item) => seen === undefined || looks(item) === lookOf(seen));
      const [item] = at < 0 ? [] : left.splice(at, 1);
      if (item === undefined)
        throw new Error(`the model knows nothing of item ${id}: ${JSON.stringify(seen)}`);
      this.items.set(id, item);
    }
    if (left.length > 0) throw new Error(`the checkpoint lacks ${left.map(looks).join(" and ")}`);
  }
}

/** True for what comes at another time than the item is at, on the right turn. */
function isStale(change: Change, { hold, lost }: ModelItem, now: number): boolean {
  if (change.type === "lost") return change.lost !== lost + 1;
  return change.type === "wake" && (hold === null || hold.until === null || hold.until > now);
}

/** What each join of a fork gets: branch by branch, each in the order in which it gave. */
function joinsOf({ gifts, emptyJoins }: ModelFork): readonly (readonly [string, Json[]])[] {
  if (gifts.length === 0) return emptyJoins.map((target) => [target, []]);
  const targets = [...new Set(gifts.map(({ target }) => target))];
  const branches = [...new Set(gifts.map(({ index }) => index))].sort((a, b) => a - b);
  return targets.map((target) => {
    const own = gifts.filter((gift) => gift.target === target);
    const inOrder = branches.flatMap((branch) => own.filter(({ index }) => index === branch));
    return [target, inOrder.map(({ value }) => value)];
  });
}

const looks = ({ node, input, place }: ModelItem): string =>
  JSON.stringify([node, input, place && { fork: place.fork.id, index: place.index }]);

const lookOf = ({ node, input, scope }: Checkpoint["items"][string]): string =>
  JSON.stringify([node, input, scope ? { fork: scope.fork, index: scope.index } : null]);
