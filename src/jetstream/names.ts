import { fromToken, toToken } from "../core/token.ts";

// Every name that NATS sees is made here. A namespace and a workflow are safe names and stand as they are; ids of users
// (runs, workers) go through `toToken`. The kind stands before the run, so that a consumer needs one filter subject only.

/** The buckets of a namespace. */
export type Table = "context" | "values" | "runs" | "metrics" | "errors" | "liveness";

/** Subjects, streams, buckets and consumers of one namespace. */
export interface Names {
  readonly namespace: string;
  /** Streams that are not buckets. */
  readonly workStream: string;
  readonly historyStream: string;
  readonly deadStream: string;
  /** Name of a bucket, as the KV client wants it. */
  bucket(table: Table): string;
  /** Stream behind a bucket. */
  bucketStream(table: Table): string;
  /** Subject of a bucket up to and including the dot before the key. */
  bucketPrefix(table: Table): string;
  work(workflow: string, runId: string, item: number | "*"): string;
  /** Each turn of an item has a timer of its own: one that is set late must not replace the next one's. */
  sched(workflow: string, runId: string, item: number | "*", turn: number | "*"): string;
  start(workflow: string): string;
  history(workflow: string, runId: string): string;
  dead(workflow: string): string;
  /** `*` for the commands of all runs. */
  control(runId: string): string;
  /** Subject of a request to the orchestrator service. */
  api(verb: string): string;
  /** Name of the orchestrator service, as NATS micro tools see it. */
  readonly service: string;
  consumer(kind: "start" | "work", workflow: string): string;
  /** The one filter subject of that consumer. */
  consumerFilter(kind: "start" | "work", workflow: string): string;
  readonly controlAll: string;
  readonly startAll: string;
  readonly workAll: string;
  readonly schedAll: string;
  readonly historyAll: string;
  readonly deadAll: string;
  /** Work subjects of all runs of a workflow; `*` for all workflows. So too the next ones. */
  workOf(workflow: string): string;
  schedOf(workflow: string): string;
  historyOf(workflow: string): string;
  deadOf(workflow: string): string;
  /** Subjects in the bucket of run infos. */
  runsOf(workflow: string): string;
}

/** The buckets of a namespace. */
export const TABLES: readonly Table[] = [
  "context",
  "values",
  "runs",
  "metrics",
  "errors",
  "liveness",
];

/** The names of a namespace. */
export function namesOf(namespace: string): Names {
  const ns = namespace;
  return {
    namespace,
    workStream: `${ns}-work`,
    historyStream: `${ns}-history`,
    deadStream: `${ns}-dead`,
    bucket: (table) => `${ns}-${table}`,
    bucketStream: (table) => `KV_${ns}-${table}`,
    bucketPrefix: (table) => `$KV.${ns}-${table}.`,
    work: (workflow, runId, item) => `${ns}.work.${workflow}.${toToken(runId)}.${item}`,
    sched: (workflow, runId, item, turn) =>
      `${ns}.sched.${workflow}.${toToken(runId)}.${item}.${turn}`,
    start: (workflow) => `${ns}.start.${workflow}`,
    history: (workflow, runId) => `${ns}.history.${workflow}.${toToken(runId)}`,
    // A dead letter may name a workflow that is no safe name: anybody may publish to `<ns>.start.<anything>`.
    dead: (workflow) => `${ns}.dead.${toToken(workflow) || "_"}`,
    control: (runId) => `${ns}.control.${toToken(runId)}`,
    api: (verb) => `${ns}.api.${verb}`,
    service: `${ns}-api`,
    consumer: (kind, workflow) => `${kind}-${workflow}`,
    consumerFilter: (kind, workflow) =>
      kind === "start" ? `${ns}.start.${workflow}` : `${ns}.work.${workflow}.>`,
    controlAll: `${ns}.control.*`,
    startAll: `${ns}.start.*`,
    workAll: `${ns}.work.>`,
    schedAll: `${ns}.sched.>`,
    historyAll: `${ns}.history.>`,
    deadAll: `${ns}.dead.*`,
    workOf: (workflow) => `${ns}.work.${workflow}.*.*`,
    schedOf: (workflow) => `${ns}.sched.${workflow}.*.*.*`,
    historyOf: (workflow) => `${ns}.history.${workflow}.*`,
    deadOf: (workflow) => `${ns}.dead.${workflow}`,
    runsOf: (workflow) => `$KV.${ns}-runs.${workflow}.*.*`,
  };
}

/** An item that a subject names. */
export interface ItemSubject {
  readonly scheduled: boolean;
  readonly workflow: string;
  readonly runId: string;
  readonly item: number;
  /** Turn that a schedule is for; null for a work item. */
  readonly turn: number | null;
}

/** What a subject `<ns>.work.<workflow>.<run>.<item>` or `<ns>.sched.….<turn>` names, or null where it is none. */
export function readItemSubject(names: Names, subject: string): ItemSubject | null {
  const [head, kind, workflow, token, item, turn, ...rest] = subject
    .slice(names.namespace.length)
    .split(".");
  if (head !== "" || (kind !== "work" && kind !== "sched") || rest.length > 0) return null;
  if (workflow === undefined || token === undefined || !isNumber(item)) return null;
  const scheduled = kind === "sched";
  // Only a schedule names a turn.
  if (scheduled ? !isNumber(turn) : turn !== undefined) return null;
  const runId = idOf(token);
  if (runId === null) return null;
  return { scheduled, workflow, runId, item: Number(item), turn: scheduled ? Number(turn) : null };
}

const isNumber = (token: string | undefined): token is string =>
  token !== undefined && /^\d{1,15}$/.test(token);

/** The id that a token stands for, or null where it stands for none. */
function idOf(token: string): string | null {
  try {
    return fromToken(token);
  } catch {
    return null;
  }
}

/** The workflow that a subject `<ns>.start.<workflow>` names, or null where it is none. */
export function readStartSubject(names: Names, subject: string): string | null {
  const prefix = names.start("");
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : null;
}

/** What a header carries unchanged: printable ASCII without blanks at its ends. */
const PRINTABLE = /^[!-~](?:[ -~]*[!-~])?$/;

/**
 * The `Nats-Msg-Id` of a start request: the run id itself, as anybody would write it. One that a header cannot carry
 * unchanged (other than printable ASCII, or blanks at its ends) is encoded, and kept apart from plain ones by `fx:`.
 */
export function startMessageId(runId: string): string {
  return PRINTABLE.test(runId) && !runId.startsWith("fx:") ? runId : ENCODED + toToken(runId);
}

const ENCODED = "fx:start.";

/** The run id that {@link startMessageId} was given, or that somebody else's message id is. */
export function runIdOfStart(messageId: string): string {
  if (!messageId.startsWith(ENCODED)) return messageId;
  try {
    return fromToken(messageId.slice(ENCODED.length));
  } catch {
    return messageId;
  }
}

/** The `Nats-Msg-Id` of a queued item: a re-queued item has another epoch or turn, so it is no repetition. */
export const itemMessageId = ({
  runId,
  item,
  epoch,
  turn,
  salt,
}: {
  readonly runId: string;
  readonly item: number;
  readonly epoch: number;
  readonly turn: number;
  readonly salt: string;
}): string => `fx:${toToken(runId)}.${item}.${epoch}.${turn}${salt === "" ? "" : `.${salt}`}`;

/**
 * True for an inbox, which begins with `_` whatever its prefix. Whoever asks chooses where the answer goes: one that would
 * go to `$JS.API.…`, `$KV.…` or a subject of a namespace would be written there with the rights of who answers.
 */
export const isInbox = (subject: string): boolean => subject.startsWith("_");
