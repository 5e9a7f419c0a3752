import { isRecord } from "../json.ts";
import { hasJson, type JsonPart, joinJson, objectJson } from "../json-texts.ts";
import type { Checkpoint, NodeFigures } from "./checkpoint.ts";
import { CheckpointSchema, FIGURE } from "./checkpoint.ts";

// How a checkpoint is written where it is stored whole (in part: `stored-patch.ts`). What makes it long is left out: a third
// of the bytes of a chain of ten nodes. (Text made by hand is no faster than JSON, and makes more garbage.)
// 1. What is as it is in a new run is absent: empty records and lists, zeros, `started` where it is true.
// 2. Figures are whole microseconds, under `figures`.
// 3. Events have no numbers, which count up from `first`, and instead of their times the milliseconds since the event
//    before; `at` is the time of the first. The most frequent kind is written as 0.
// A checkpoint that is written in full is read as well.

/** The kind of event that each step has. */
const MOST_FREQUENT = "item.completed";

/** The checkpoint as text. @throws TypeError, RangeError where a value in it cannot be written as JSON */
export const toStoredText = (checkpoint: Checkpoint): string => JSON.stringify(inShort(checkpoint));

/** As {@link toStoredText}. What was written of its context before is not written again. */
export function toStoredJson(checkpoint: Checkpoint): JsonPart {
  if (!hasJson(checkpoint.context)) return toStoredText(checkpoint);
  const rest = JSON.stringify({ ...inShort(checkpoint), context: undefined });
  return joinJson([`${rest.slice(0, -1)},"context":`, ...objectJson(checkpoint.context), "}"]);
}

/** The checkpoint without what is left out. */
function inShort(checkpoint: Checkpoint): object {
  const { contextVersion, forks, nextFork, outputs, signals, signalIds, epoch } = checkpoint;
  const { nodes, history, counters } = checkpoint;
  return {
    ...checkpoint,
    started: checkpoint.started ? undefined : false,
    contextVersion: contextVersion === 0 ? undefined : contextVersion,
    forks: isEmpty(forks) ? undefined : forks,
    nextFork: nextFork === 1 ? undefined : nextFork,
    outputs: outputs.length === 0 ? undefined : outputs,
    signals: signals.length === 0 ? undefined : signals,
    signalIds: signalIds.length === 0 ? undefined : signalIds,
    counters: {
      ...counters,
      failed: counters.failed === 0 ? undefined : counters.failed,
      retries: counters.retries === 0 ? undefined : counters.retries,
      lost: counters.lost === 0 ? undefined : counters.lost,
    },
    nodes: undefined,
    figures: inMicroseconds(nodes),
    epoch: epoch === 0 ? undefined : epoch,
    history: withoutNumbers(history),
  };
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

function inMicroseconds(nodes: Checkpoint["nodes"]): Checkpoint["nodes"] {
  const figures: Checkpoint["nodes"] = {};
  for (const node of Object.keys(nodes)) {
    const of = nodes[node];
    if (of === undefined) continue;
    const total = Math.round(of[FIGURE.totalMs] * 1_000);
    const max = Math.round(of[FIGURE.maxMs] * 1_000);
    figures[node] = [of[0], of[1], of[2], total, max];
  }
  return figures;
}

/** By place and not by name: each step comes here with each event, and what takes a tuple apart makes garbage. */
function withoutNumbers(history: Checkpoint["history"]): object {
  const { next, events } = history;
  const [first] = events;
  if (first === undefined) return { next };
  let before = first[1];
  // Numbers that leave some out are written, and with them everything.
  if (events.some((event, i) => event[0] !== first[0] + i)) return history;
  const written = events.map((event) => {
    const after = event[1] - before;
    before = event[1];
    const kind = event[2] === MOST_FREQUENT ? 0 : event[2];
    return event.length === 6
      ? [after, kind, event[3], event[4], event[5]]
      : [after, kind, ...event.slice(3)];
  });
  return { next, first: first[0], at: first[1], events: written };
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
