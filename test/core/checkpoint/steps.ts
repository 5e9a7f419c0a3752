import fc from "fast-check";

/** Node names that an object has from elsewhere are among them. */
const NODES = ["a", "b", "constructor"] as const;
const JOINS = ["j1", "j2", "toString"] as const;

/** What an answer leads to, without its values. */
export interface Plan {
  readonly forks: boolean;
  readonly successors: readonly { readonly type: "item" | "join" | "end"; readonly node: string }[];
  readonly emptyJoins: readonly string[];
}

const successor = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({ type: fc.constant("item" as const), node: fc.constantFrom(...NODES) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("join" as const), node: fc.constantFrom(...JOINS) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("end" as const), node: fc.constant("") }) },
);

const branches = (forks: boolean, minLength: number, maxLength: number): fc.Arbitrary<Plan> =>
  fc.record({
    forks: fc.constant(forks),
    successors: fc.array(successor, { minLength, maxLength, size: "max" }),
    emptyJoins: forks ? fc.subarray([...JOINS]) : fc.constant([]),
  });

const plan: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 8, arbitrary: branches(false, 1, 1) },
  { weight: 1, arbitrary: branches(false, 0, 0) },
  { weight: 6, arbitrary: branches(true, 1, 5) },
  { weight: 1, arbitrary: branches(true, 0, 0) },
);

/** One thing that happens to a run; what it names is chosen among what there is when its turn comes. */
export interface Step {
  readonly op:
    | "complete"
    | "fallback"
    | "hold"
    | "wake"
    | "retry"
    | "try"
    | "lost"
    | "give-back"
    | "fail"
    | "signal"
    | "pause"
    | "resume"
    | "cancel"
    | "start"
    | "handed-over"
    | "history-kept";
  readonly pick: number;
  readonly plan: Plan;
  readonly name: "go" | "stop";
  /** Which end a hold has, beside its name. */
  readonly wait: "signal" | "time" | "either";
  readonly afterMs: number;
  readonly ms: number;
  /** Milliseconds that pass before it. */
  readonly passMs: number;
  /** Which item and turn it claims: mostly the right ones. */
  readonly aim: "true" | "old turn" | "next turn" | "gone";
  readonly hasDelta: boolean;
  /** Which version of the context the answer depends on, if on any. */
  readonly seen: "none" | "newest" | "older";
  /** How many lost executions in a row it says that it makes: mostly the right number. */
  readonly row: -1 | 0 | 1;
}

const weighted = <T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

const step: fc.Arbitrary<Step> = fc.record({
  op: weighted<Step["op"]>(
    [120, "complete"],
    [16, "fallback"],
    [32, "hold"],
    [16, "wake"],
    [20, "retry"],
    [16, "try"],
    [16, "lost"],
    [8, "give-back"],
    [4, "fail"],
    [28, "signal"],
    [8, "pause"],
    [16, "resume"],
    [1, "cancel"],
    [2, "start"],
    [8, "handed-over"],
    [4, "history-kept"],
  ),
  pick: fc.nat(),
  plan,
  name: fc.constantFrom("go" as const, "stop" as const),
  wait: fc.constantFrom("signal" as const, "time" as const, "either" as const),
  afterMs: fc.integer({ min: -5, max: 50 }),
  ms: fc.double({ min: 0, max: 1_000, noNaN: true }),
  passMs: fc.nat(20),
  aim: weighted<Step["aim"]>([30, "true"], [1, "old turn"], [1, "next turn"], [1, "gone"]),
  hasDelta: fc.boolean(),
  seen: weighted<Step["seen"]>([20, "none"], [3, "newest"], [1, "older"]),
  row: weighted<Step["row"]>([10, 0], [1, -1], [1, 1]),
});

/** What happens to one run: bursts of things that happen in the same moment. */
export const anyLife: fc.Arbitrary<readonly (readonly Step[])[]> = fc.array(
  fc.array(step, { minLength: 1, maxLength: 4 }),
  { minLength: 5, maxLength: 30, size: "max" },
);
