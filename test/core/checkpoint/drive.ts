import { expect } from "vitest";
import { applyChanges } from "../../../src/core/checkpoint/apply.ts";
import type { Change, ItemChange, Outcome } from "../../../src/core/checkpoint/change.ts";
import type { Checkpoint } from "../../../src/core/checkpoint/checkpoint.ts";
import type { Routed, Successor } from "../../../src/core/checkpoint/routed.ts";
import type { Json } from "../../../src/core/json.ts";
import { expectFollows, expectSame, expectSound, patched, stored } from "./invariants.ts";
import { ModelRun } from "./model.ts";
import type { Plan, Step } from "./steps.ts";
import { deepFreeze, failureAt, fresh, iso, merge, START, T0 } from "./test-run.ts";

const LAZY = new Set<Change["type"]>(["handed-over", "history-kept"]);
/** Changes that mean something again when they come again. */
const REPEATABLE = new Set<Change["type"]>(["try", "give-back", ...LAZY]);

/** `open` has tests of its own: a model of wide forks would be what it is to check. */
type AnswerType = Exclude<ItemChange["type"], "open">;
type Answer = Pick<ItemChange, "item" | "turn" | "carrier">;

/** A run and its model, side by side: each change is applied to both, and they are compared after it. */
export class Drive {
  checkpoint: Checkpoint = fresh();
  readonly model = new ModelRun();
  /** Kinds of all events that there were, and how often. */
  readonly events = new Map<string, number>();
  now = T0;
  #commits = 0;
  #values = 0;

  constructor() {
    this.apply(START);
  }

  /** What happens in one moment, one after another; then the same in one write. */
  burst(steps: readonly Step[]): void {
    this.now += steps[0]?.passMs ?? 0;
    const before = this.checkpoint;
    const changes = steps.flatMap((step) => {
      const change = this.#change(step);
      if (change !== null) this.apply(change);
      return change === null ? [] : [change];
    });
    if (changes.some(({ type }) => LAZY.has(type))) return;
    const { checkpoint } = applyChanges(before, changes, this.#env("c"));
    expectSame({ ...checkpoint, commit: "" }, { ...this.checkpoint, commit: "" });
  }

  apply(change: Change): void {
    const before = deepFreeze(this.checkpoint);
    const expected = this.model.refusal(change, this.now);
    this.#commits += 1;
    const env = this.#env(`c${this.#commits}`);
    const { checkpoint, outcomes, changed } = applyChanges(before, deepFreeze([change]), env);
    const [outcome] = outcomes;
    expect(outcomes).toHaveLength(1);
    expect(outcome?.applied === false ? outcome.refusal : null).toBe(expected);
    expect(changed).toBe(expected === null && !LAZY.has(change.type));
    if (!changed) expect(checkpoint).toBe(before);
    else expect(checkpoint).toMatchObject({ commit: env.commit, updatedAt: iso(this.now) });
    // What the next change is judged on has been stored and read, as in life.
    this.checkpoint = changed ? stored(checkpoint) : checkpoint;
    this.#count(before);
    if (changed && outcome?.applied === true) this.#follow(change, outcome);
    this.#compare();
    expectSound(checkpoint);
    if (changed) expectSame(patched(before, checkpoint), checkpoint);
    expectFollows(before, checkpoint);
    if (changed && !REPEATABLE.has(change.type)) this.#expectCountsOnce(change);
  }

  /** Ends all that is left, in the simplest way. Needs a run that is neither cancelled nor completed. */
  drain(): void {
    if (this.model.status !== "running") this.apply({ type: "resume" });
    for (let steps = 0; this.model.items.size > 0; steps++) {
      if (steps > 10_000) throw new Error("the run does not end");
      for (const [id, item] of this.model.items) {
        if (item.hold !== null) this.#endHold(id, item.hold);
        const forks = item.place !== null && steps % 3 === 0;
        const successors: Successor[] =
          item.place === null ? [] : [{ type: "join", node: "j1", value: this.#value() }];
        this.apply(this.#complete(id, { forks, successors, emptyJoins: [] }));
        break;
      }
    }
  }

  #endHold(id: number, hold: { readonly for: string | null; readonly until: number | null }): void {
    if (hold.until !== null) {
      this.now = Math.max(this.now, hold.until);
      this.apply({ type: "wake", ...this.#answer(id) });
      return;
    }
    // Whoever has waited longer goes first, so it may take several.
    while (this.model.items.get(id)?.hold != null) this.apply(this.#signal(hold.for ?? ""));
  }

  #env(commit: string): Parameters<typeof applyChanges>[2] {
    return { now: this.now, by: "w1", commit, merge };
  }

  #change(step: Step): Change | null {
    switch (step.op) {
      case "start":
        return START;
      case "pause":
      case "resume":
        return { type: step.op };
      case "cancel":
        return { type: "cancel" };
      case "signal":
        return this.#signal(step.name);
      case "handed-over":
        return {
          type: "handed-over",
          items: [...this.model.items.keys()]
            .slice(0, step.pick % 4)
            .map((id) => ({ id, turn: this.checkpoint.items[id]?.turn ?? 0 })),
        };
      case "history-kept":
        return { type: "history-kept", upTo: step.pick % this.checkpoint.history.next };
      default:
        return this.#answerTo(step, step.op);
    }
  }

  #answerTo(step: Step, type: AnswerType): Change | null {
    const ids = [...this.model.items.keys()].filter(
      (id) => (this.model.items.get(id)?.hold != null) === (type === "wake"),
    );
    const id = ids[step.pick % Math.max(1, ids.length)];
    if (id === undefined) return null;
    const answer = this.#aimed(id, step.aim);
    const failed = { ...answer, ms: step.ms, failure: failureAt(id, this.now) };
    const delta = step.hasDelta ? { log: [this.#value()] } : null;
    switch (type) {
      case "complete":
        return {
          type,
          ...answer,
          ms: step.ms,
          delta,
          routed: this.#routed(step.plan),
          ...this.#seen(step.seen),
        };
      case "fallback":
        return { type, ...failed, routed: this.#routed(step.plan) };
      case "hold": {
        const name = step.wait === "time" ? null : step.name;
        const untilMs = step.wait === "signal" ? null : this.now + step.afterMs;
        return { type, ...answer, ms: step.ms, delta, for: name, untilMs };
      }
      case "retry":
        return { type, ...failed, notBeforeMs: this.now + step.afterMs, deliveries: 1 };
      case "lost": {
        const lost = (this.checkpoint.items[id]?.lost ?? 0) + 1 + step.row;
        return { type, ...answer, failure: failed.failure, lost };
      }
      case "give-back":
        return { type, ...answer, deliveries: step.pick % 9 };
      case "fail":
        return { type, ...failed };
      case "try":
      case "wake":
        return { type, ...answer };
    }
  }

  #seen(seen: Step["seen"]): { readonly seen?: number } {
    const newest = this.model.log.length;
    return seen === "none" ? {} : { seen: seen === "newest" ? newest : Math.max(0, newest - 1) };
  }

  #aimed(id: number, aim: Step["aim"]): Answer {
    const answer = this.#answer(id);
    if (aim === "old turn") return { ...answer, turn: Math.max(0, answer.turn - 1) };
    if (aim === "next turn") return { ...answer, turn: answer.turn + 1 };
    return aim === "gone" ? { ...answer, item: this.checkpoint.nextItem } : answer;
  }

  #answer(id: number): Answer {
    const { turn, carrier } = this.checkpoint.items[id] ?? { turn: 0, carrier: undefined };
    return { item: id, turn, carrier: carrier ?? id };
  }

  #complete(id: number, routed: Routed): Change {
    return { type: "complete", ...this.#answer(id), ms: 1, delta: null, routed };
  }

  #signal(name: string): Change {
    const payload = this.#value();
    return { type: "signal", id: `signal ${payload}`, name, payload };
  }

  /** A value that no other has. */
  #value(): number {
    this.#values += 1;
    return this.#values;
  }

  #routed({ forks, successors, emptyJoins }: Plan): Routed {
    const valued = successors.map(({ type, node }): Successor => {
      const value = this.#value();
      if (type === "end") return { type, value };
      return type === "item" ? { type, node, input: value } : { type, node, value };
    });
    return { forks, emptyJoins, successors: valued };
  }

  /** Does to the model what the change should do, and checks what the change says that it did. */
  #follow(change: Change, outcome: Extract<Outcome, { readonly applied: true }>): void {
    const { model } = this;
    const moved = this.#move(change, outcome);
    if (moved !== null) expectSame(outcome.items, moved);
    if ("delta" in change && change.delta !== null)
      model.log.push(...(change.delta["log"] as Json[]));
    if (change.type === "complete") model.tally.completed += 1;
    if (change.type === "fallback" || change.type === "fail") model.tally.failed += 1;
    if (change.type === "retry") model.tally.retries += 1;
    if (change.type === "lost") model.tally.lost += 1;
  }

  /** @returns ids of the items that the change should have named, or null where it made them */
  #move(
    change: Change,
    outcome: Extract<Outcome, { readonly applied: true }>,
  ): readonly number[] | null {
    const { model } = this;
    switch (change.type) {
      case "start":
        model.start(change.node, change.input);
        return [1];
      case "complete":
      case "fallback":
        model.advance(change.item, change.routed, outcome.items, this.checkpoint);
        return null;
      case "hold":
        return model.hold(change.item, change.for, change.untilMs, this.now) ? [change.item] : [];
      case "wake":
        model.wake(change.item);
        return [change.item];
      case "retry":
        model.retry(change.item, change.failure);
        return [change.item];
      case "try":
        model.try(change.item);
        return [change.item];
      case "lost":
        model.lose(change.item, change.failure);
        return [change.item];
      case "give-back":
        model.giveBack(change.item);
        return [];
      case "fail":
        model.fail(change.item);
        return [];
      case "signal": {
        const released = model.signal(change.name, change.payload);
        return released === null ? [] : [released];
      }
      case "resume":
        return model.resume();
      case "pause":
        model.status = "paused";
        return [];
      case "cancel":
        model.status = "cancelled";
        return [];
      default:
        return [];
    }
  }

  #compare(): void {
    const { checkpoint, model } = this;
    const known = [...model.items].map(([id, { place, ...item }]) => [
      id,
      { ...item, place: place && { fork: place.fork.id, index: place.index } },
    ]);
    const stored = Object.entries(checkpoint.items).map(([id, item]) => [id, seen(item)]);
    expectSame(Object.fromEntries(stored), Object.fromEntries(known));
    const live = Object.entries(checkpoint.forks).map(([id, fork]) => [id, fork.live]);
    expectSame(Object.fromEntries(live), model.forks);
    expectSame(checkpoint.outputs, model.outputs);
    expectSame(checkpoint.signals, model.signals);
    expectSame(checkpoint.context, { total: 0, log: model.log });
    expect(checkpoint.contextVersion).toBe(model.log.length);
    expect(checkpoint.status).toBe(model.status);
    expectSame(checkpoint.counters, { items: model.itemsMade, ...model.tally });
    const { counters } = checkpoint;
    const times = (kind: string): number => this.events.get(kind) ?? 0;
    expectSame(
      [
        times("item.completed"),
        times("item.failed"),
        times("attempt.failed"),
        times("execution.lost"),
      ],
      [counters.completed, counters.failed, counters.retries, counters.lost],
    );
  }

  #count(before: Checkpoint): void {
    for (const [number, , kind] of this.checkpoint.history.events) {
      if (number >= before.history.next) this.events.set(kind, (this.events.get(kind) ?? 0) + 1);
    }
  }

  /** The same change again is refused, and so changes nothing. */
  #expectCountsOnce(change: Change): void {
    const { checkpoint, outcomes, changed } = applyChanges(
      this.checkpoint,
      [change],
      this.#env("again"),
    );
    expect(outcomes[0]?.applied).toBe(false);
    expect(changed).toBe(false);
    expect(checkpoint).toBe(this.checkpoint);
  }
}

function seen({
  node,
  input,
  scope,
  hold,
  wake,
  turn,
  attempt,
  trying,
  lost,
  failure,
  failed,
}: Checkpoint["items"][string]): Record<string, unknown> {
  const waits = hold && {
    for: hold.for,
    until: hold.until === null ? null : Date.parse(hold.until),
    since: Date.parse(hold.since),
  };
  return {
    node,
    input,
    place: scope ?? null,
    hold: waits ?? null,
    wake: wake ?? null,
    turn,
    attempt,
    isTrying: trying === true,
    lost: lost ?? 0,
    failure: failure ?? null,
    hasFailed: failed === true,
  };
}
