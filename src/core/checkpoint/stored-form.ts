import type { Checkpoint, NodeFigures } from "./checkpoint.ts";
import { CheckpointSchema } from "./checkpoint.ts";

// How a checkpoint is written where it is stored. Every step writes it whole, so what makes it long or slow to write is
// left out:
// 1. What is as it is in a new run is absent: empty records and lists, zeros, `started` where it is true.
// 2. Figures are whole microseconds (text is made of a fraction in many times the time), under `figures`.
// 3. Events have no numbers, which count up from `first`, and instead of their times the milliseconds since the event
//    before; `at` is the time of the first. The most frequent kind is written as 0.
// A checkpoint that is written in full is read as well.

/** The kind of event that each step has. */
const MOST_FREQUENT = "item.completed";

/**
 * The checkpoint as text.
 *
 * By hand, because each step pays for it: `JSON.stringify` of the whole takes twice as long.
 * @throws TypeError, RangeError where a value in it cannot be written as JSON
 */
export function toStoredText(checkpoint: Checkpoint): string {
  let text = "";
  for (const key of Object.keys(checkpoint)) {
    const value = valueText(checkpoint, key);
    if (value !== undefined) text += `${text === "" ? "{" : ","}${value}`;
  }
  return `${text}}`;
}

/** A field and its value; undefined where it is left out. */
function valueText(checkpoint: Checkpoint, key: string): string | undefined {
  switch (key) {
    case "started":
      return checkpoint.started ? undefined : '"started":false';
    case "contextVersion":
    case "epoch":
      return checkpoint[key] === 0 ? undefined : `"${key}":${checkpoint[key]}`;
    case "nextFork":
      return checkpoint.nextFork === 1 ? undefined : `"nextFork":${checkpoint.nextFork}`;
    case "outputs":
    case "signals":
    case "signalIds":
      return checkpoint[key].length === 0
        ? undefined
        : `"${key}":${JSON.stringify(checkpoint[key])}`;
    case "forks":
      return isEmpty(checkpoint.forks) ? undefined : `"forks":${JSON.stringify(checkpoint.forks)}`;
    case "counters":
      return `"counters":${countersText(checkpoint.counters)}`;
    case "nodes":
      return `"figures":${figuresText(checkpoint.nodes)}`;
    case "history":
      return `"history":${historyText(checkpoint.history)}`;
    default:
      return otherText(key, checkpoint[key]);
  }
}

function otherText(key: string, value: unknown): string | undefined {
  if (typeof value === "string") return `${quoted(key)}:${quoted(value)}`;
  if (Number.isSafeInteger(value)) return `${quoted(key)}:${value}`;
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : `${quoted(key)}:${text}`;
}

/** Nothing in it means anything in JSON. Short: a pattern is faster than `JSON.stringify` for what is. */
const PLAIN = /^[\w.:-]{0,64}$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function countersText(counters: Checkpoint["counters"]): string {
  let text = "";
  for (const key of Object.keys(counters)) {
    const count = counters[key];
    if (count === 0 && Object.hasOwn(NONE, key)) continue;
    text += `${text === "" ? "" : ","}${otherText(key, count) ?? ""}`;
  }
  return `{${text}}`;
}

/** What {@link toStoredText} wrote, as it was: not checked. @throws SyntaxError where it is not JSON */
export const fromStoredText = (text: string): unknown => inFull(JSON.parse(text));

/** Reads what {@link toStoredText} wrote. In the manner of a schema. */
export const StoredCheckpointSchema = {
  safeParse: (value: unknown): ReturnType<typeof CheckpointSchema.safeParse> =>
    CheckpointSchema.safeParse(inFull(value)),
};

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

function figuresText(nodes: Checkpoint["nodes"]): string {
  let text = "{";
  for (const [node, [completed, failed, retries, totalMs, maxMs]] of Object.entries(nodes)) {
    const times = `${Math.round(totalMs * 1_000)},${Math.round(maxMs * 1_000)}`;
    text += `${text === "{" ? "" : ","}${quoted(node)}:[${completed},${failed},${retries},${times}]`;
  }
  return `${text}}`;
}

function historyText({ next, events }: Checkpoint["history"]): string {
  const [first] = events;
  if (first === undefined) return `{"next":${next}}`;
  let text = "";
  let before = first[1];
  let number = first[0];
  for (const [given, at, kind, item, node, attempt, by] of events) {
    // Numbers that leave some out are written, and with them everything.
    if (given !== number) return `{"next":${next},"events":${JSON.stringify(events)}}`;
    number += 1;
    const of = kind === MOST_FREQUENT ? "0" : quoted(kind);
    const where = node === null ? "null" : quoted(node);
    const who = by === undefined ? "" : `,${by === null ? "null" : quoted(by)}`;
    text += `${text === "" ? "[" : ",["}${at - before},${of},${item},${where},${attempt}${who}]`;
    before = at;
  }
  return `{"next":${next},"first":${first[0]},"at":${first[1]},"events":[${text}]}`;
}

type Fields = Readonly<Record<string, unknown>>;

/** The checkpoint with all that was left out. What has another form than that is left to the schema to refuse. */
function inFull(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const { figures, counters, history, ...rest } = value;
  return {
    ...NEW,
    ...(figures === undefined ? {} : { nodes: inMilliseconds(figures) }),
    ...rest,
    counters: isRecord(counters) ? { ...NONE, ...counters } : counters,
    history: isRecord(history) ? numbered(history) : history,
  };
}

const NEW = {
  started: true,
  contextVersion: 0,
  forks: {},
  nextFork: 1,
  outputs: [],
  signals: [],
  signalIds: [],
  epoch: 0,
} as const;
const NONE = { failed: 0, retries: 0, lost: 0 } as const;

function inMilliseconds(figures: unknown): unknown {
  if (!isRecord(figures)) return figures;
  const nodes = Object.entries(figures).map(([node, of]) => {
    if (!isTimed(of)) return [node, of];
    const [completed, failed, retries, total, max] = of;
    return [node, [completed, failed, retries, total / 1_000, max / 1_000]];
  });
  return Object.fromEntries(nodes);
}

const isTimed = (of: unknown): of is NodeFigures =>
  Array.isArray(of) && typeof of[3] === "number" && typeof of[4] === "number";

function numbered({ next, first, at, events = [] }: Fields): unknown {
  if (first === undefined || !Array.isArray(events)) return { next, events };
  let time = Number(at);
  return {
    next,
    events: events.map((event: unknown, i) => {
      if (!Array.isArray(event)) return event;
      const [after, kind, ...what] = event as unknown[];
      time += Number(after);
      return [Number(first) + i, time, kind === 0 ? MOST_FREQUENT : kind, ...what];
    }),
  };
}

const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
