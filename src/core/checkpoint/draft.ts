import { iso } from "../clock.ts";
import type { Json } from "../json.ts";
import { ownOf } from "../own-of.ts";
import type { Checkpoint, Fork, Item, NodeFigures, Scope } from "./checkpoint.ts";
import { isTerminal } from "./checkpoint.ts";
import { addEvent } from "./events.ts";
import type { Routed, Successor } from "./routed.ts";
import { inBranchOrder } from "./wide.ts";

// A checkpoint under change. Invariants:
// 1. The checkpoint that it was opened on is never touched: a conflict must be able to begin again from it.
// 2. Items and nested records are replaced, not altered; forks and figures are copied the first time they change.
// 3. `live` of a fork counts its items and its open inner forks; a fork whose `live` is 0 does not exist.
// 4. A run is completed in the same change that ends its last item.

export class Draft {
  readonly base: Checkpoint;
  readonly next: Checkpoint;
  readonly now: number;
  readonly by: string | null;
  readonly #ownForks = new Set<string>();

  constructor(base: Checkpoint, now: number, by: string | null) {
    this.base = base;
    this.now = now;
    this.by = by;
    this.next = {
      ...base,
      items: { ...base.items },
      forks: { ...base.forks },
      nodes: { ...base.nodes },
      counters: { ...base.counters },
      outputs: [...base.outputs],
      signals: [...base.signals],
      signalIds: [...base.signalIds],
      history: { next: base.history.next, events: [...base.history.events] },
    };
  }

  /** Now, as stored. */
  get time(): string {
    return iso(this.now);
  }

  get terminal(): boolean {
    return isTerminal(this.next.status);
  }

  item(id: number): Item | undefined {
    return this.next.items[id];
  }

  setItem(id: number, item: Item): void {
    this.next.items[id] = item;
  }

  removeItem(id: number): void {
    delete this.next.items[id];
  }

  figures(node: string): NodeFigures {
    const known = ownOf(this.next.nodes, node);
    if (known !== undefined && known !== this.base.nodes[node]) return known;
    const own: NodeFigures = known === undefined ? [0, 0, 0, 0, 0] : [...known];
    this.next.nodes[node] = own;
    return own;
  }

  event(
    kind: string,
    item: number | null = null,
    node: string | null = null,
    attempt: number | null = null,
  ): void {
    const { history } = this.next;
    addEvent(history.events, [history.next, this.now, kind, item, node, attempt], this.by);
    history.next += 1;
  }

  /** Adds an item that `carrier`'s message vouches for. @returns its id */
  add(
    node: string,
    input: Json,
    scope: Scope | undefined,
    carrier: number,
    more: Pick<Item, "from" | "kept"> = {},
  ): number {
    this.next.counters.items += 1;
    return this.#put(node, input, scope, { carrier, ...more });
  }

  #put(
    node: string,
    input: Json,
    scope: Scope | undefined,
    more: Pick<Item, "carrier" | "from" | "kept" | "opens">,
  ): number {
    const id = this.next.nextItem;
    this.next.nextItem += 1;
    this.next.items[id] = {
      node,
      input,
      attempt: 1,
      turn: this.next.firstTurn ?? 0,
      ...more,
      ...(scope === undefined ? {} : { scope }),
    };
    if (scope) this.#fork(scope.fork).live += 1;
    return id;
  }

  /**
   * Ends an item and lets what follows from it begin.
   *
   * @returns ids of the items added, in the order of the graph
   */
  advance(id: number, node: string, routed: Routed, carrier: number): number[] {
    const item = this.item(id);
    const scope = item?.scope;
    this.removeItem(id);
    const added: number[] = [];
    const inner = routed.forks ? this.#open(node, scope, routed.emptyJoins) : scope;
    if (routed.rest && inner) added.push(this.#keepShut(inner.fork, node, routed.rest, carrier));
    routed.successors.forEach((successor, index) => {
      const place = routed.forks && inner ? { fork: inner.fork, index } : inner;
      if (successor.type === "item" && successor.same === true && item) {
        const { input, kept = [] } = item;
        added.push(this.add(successor.node, input, place, carrier, { kept }));
      } else this.#follow(successor, place, carrier, added);
    });
    // The new fork holds its parent open, so it is settled first.
    if (routed.forks && inner) this.#settle(inner.fork, carrier, added);
    this.#leave(scope, carrier, added);
    return added;
  }

  #follow(successor: Successor, place: Scope | undefined, carrier: number, added: number[]): void {
    if (successor.type === "item")
      added.push(this.add(successor.node, successor.input, place, carrier));
    else if (successor.type === "end") this.next.outputs.push(successor.value);
    else if (place === undefined)
      added.push(this.add(successor.node, [successor.value], undefined, carrier));
    else this.#contribute(place, successor.node, successor.value);
  }

  /**
   * Lets the next branches of a wide fork begin. The item that opens them rests while enough of them are live.
   *
   * @returns ids of the items that want to run
   */
  open(id: number, item: Item, successors: readonly Successor[], carrier: number): number[] {
    const { scope } = item;
    const fork = scope && this.#fork(scope.fork);
    if (scope === undefined || fork?.rest === undefined)
      throw new Error(`checkpoint of run "${this.next.runId}": item ${id} opens no fork`);
    const { next, opened, chunks } = fork.rest;
    const added: number[] = [];
    successors.forEach((successor, i) => {
      const place = { fork: scope.fork, index: opened + i };
      if (successor.type === "item")
        added.push(this.add(successor.node, null, place, carrier, { from: [next, i] }));
      else this.#follow(successor, place, carrier, added);
    });
    const low = successors.length;
    fork.rest = { ...fork.rest, next: next + 1, opened: opened + successors.length, low };
    if (next + 1 >= chunks) {
      this.removeItem(id);
      this.#leave(scope, carrier, added);
      return added;
    }
    const { carrier: _carrier, ...rest } = item;
    const hold = { for: null, until: null, since: this.time };
    this.setItem(id, { ...rest, turn: item.turn + 1, hold });
    this.#reopen(fork, carrier, added);
    return added;
  }

  /** One item less in its branch. Its fork may close, and the run end. */
  #leave(scope: Scope | undefined, carrier: number, added: number[]): void {
    if (scope) {
      this.#fork(scope.fork).live -= 1;
      this.#settle(scope.fork, carrier, added);
    }
    // An open fork has items by invariant 3: only where none is open is there something to look for.
    const isOpen = added.length > 0 || (scope !== undefined && scope.fork in this.next.forks);
    if (!isOpen) this.#finishIfDone();
  }

  /** Adds the item that will open the branches of a wide fork. It counts as none of the run's work items. */
  #keepShut(
    fork: number,
    node: string,
    { key, chunks }: NonNullable<Routed["rest"]>,
    carrier: number,
  ): number {
    const scope = { fork, index: 0 };
    const opener = this.#put(node, null, scope, { carrier, opens: true });
    this.#fork(fork).rest = { key, chunks, next: 0, opened: 0, low: 0, opener };
    this.next.outside = true;
    return opener;
  }

  /** Wakes the item that opens branches, where few enough are live. */
  #reopen({ rest, live }: Fork, carrier: number, added: number[]): void {
    if (rest === undefined || live - 1 > rest.low) return;
    const opener = this.item(rest.opener);
    if (opener?.hold === undefined) return;
    const { hold: _hold, ...awake } = opener;
    this.setItem(rest.opener, { ...awake, turn: opener.turn + 1, carrier });
    added.push(rest.opener);
  }

  finish(status: "completed" | "failed" | "cancelled"): void {
    this.next.status = status;
    this.next.finishedAt = this.time;
    this.event(`run.${status}`);
  }

  #open(node: string, parent: Scope | undefined, emptyJoins: readonly string[]): Scope {
    const fork = this.next.nextFork;
    this.next.nextFork += 1;
    this.#ownForks.add(String(fork));
    this.next.forks[fork] = {
      node,
      live: 0,
      joins: {},
      emptyJoins: [...emptyJoins],
      ...(parent === undefined ? {} : { parent }),
    };
    if (parent) this.#fork(parent.fork).live += 1;
    return { fork, index: 0 };
  }

  #fork(id: number): Fork {
    const key = String(id);
    const fork = this.next.forks[key];
    if (fork === undefined)
      throw new Error(`checkpoint of run "${this.next.runId}": fork ${id} is not open`);
    if (this.#ownForks.has(key)) return fork;
    const own = {
      ...fork,
      joins: Object.fromEntries(
        Object.entries(fork.joins).map(([to, values]) => [to, [...values]]),
      ),
    };
    this.#ownForks.add(key);
    this.next.forks[key] = own;
    return own;
  }

  #contribute(place: Scope, target: string, value: Json): void {
    const { joins } = this.#fork(place.fork);
    const values = ownOf(joins, target) ?? [];
    values.push([place.index, value]);
    joins[target] = values;
  }

  /** Closes the fork if nothing runs in it any more: its joins begin in the branch that it was opened in. */
  #settle(id: number, carrier: number, added: number[]): void {
    const fork = this.next.forks[id];
    if (fork === undefined) return;
    if (fork.live > 0) {
      this.#reopen(fork, carrier, added);
      return;
    }
    delete this.next.forks[id];
    const reached = Object.keys(fork.joins);
    for (const target of reached.length > 0 ? reached : fork.emptyJoins) {
      const pairs = ownOf(fork.joins, target) ?? [];
      const kept = ownOf(fork.kept ?? {}, target);
      if (kept === undefined)
        added.push(this.add(target, inBranchOrder(pairs), fork.parent, carrier));
      else added.push(this.add(target, [...pairs], fork.parent, carrier, { kept }));
    }
    if (fork.parent) {
      this.#fork(fork.parent.fork).live -= 1;
      this.#settle(fork.parent.fork, carrier, added);
    }
  }

  #finishIfDone(): void {
    for (const _ in this.next.items) return;
    this.next.forks = {};
    this.next.signals = [];
    this.finish("completed");
  }
}
