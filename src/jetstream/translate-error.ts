import { JetStreamApiError } from "@nats-io/jetstream";
import {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
} from "@nats-io/nats-core";
import { type ErrorDetails, FloxideError, isFloxideError } from "../core/errors.ts";
import { isInbox } from "./names.ts";
import { NoAnswer } from "./no-answer.ts";
import { explainTls } from "./tls.ts";

/** Error codes of the JetStream API that are told apart. Source: nats-server, server/errors.json */
export const API_CODE = {
  consumerNotFound: 10014,
  consumerExists: 10148,
  /** Older servers say this where a consumer exists with another configuration. */
  consumerNameExists: 10013,
  streamNotFound: 10059,
  streamNameExists: 10058,
  subjectOverlap: 10065,
  jetStreamDisabled: 10076,
  jetStreamNotEnabledForAccount: 10039,
  insufficientResources: 10023,
  memoryExceeded: 10028,
  storageExceeded: 10047,
  maximumStreams: 10027,
  maximumBytes: 10077,
  messageTooLarge: 10054,
  noPeers: 10005,
  clusterNotAvailable: 10008,
  messageNotFound: 10037,
  sequenceNotFound: 10043,
  messageDeleteFailed: 10057,
  wrongLastSequence: 10071,
  wrongLastSequenceUnknown: 10164,
  /** On more than one replica: another message with this id is being stored just now. */
  duplicateInProcess: 10158,
} as const;

const FULL: ReadonlySet<number> = new Set([
  API_CODE.insufficientResources,
  API_CODE.memoryExceeded,
  API_CODE.storageExceeded,
  API_CODE.maximumStreams,
  API_CODE.maximumBytes,
]);

/** Code of the JetStream API in an error, or 0. */
export const apiCodeOf = (error: unknown): number => {
  for (const link of chainOf(error)) {
    if (link instanceof JetStreamApiError) return link.code;
  }
  return 0;
};

/** True where another try may do better: nothing answered, or JetStream is not ready. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NoAnswer) return true;
  if (error instanceof JetStreamApiError) {
    if (error.code === API_CODE.duplicateInProcess || error.status === 429) return true;
    return error.status === 503 && !FULL.has(error.code);
  }
  for (const link of chainOf(error)) {
    if (link instanceof TimeoutError || link instanceof NoRespondersError) return true;
  }
  return false;
}

/**
 * What the client or the server said, as an error of ours that says what to do.
 *
 * @param what - what was tried, such as `writing the checkpoint of run "7"`
 */
export function translateError(
  error: unknown,
  what: string,
  details: ErrorDetails = {},
): FloxideError {
  if (isFloxideError(error)) return error;
  const apiCode = apiCodeOf(error);
  return new FloxideError("backend", `${what}: ${explain(error)}`, {
    cause: error,
    details: apiCode === 0 ? details : { ...details, apiCode },
  });
}

/** The subject that NATS refused this user, or null where it was something else. */
export function refusedSubjectOf(error: unknown): string | null {
  for (const link of chainOf(error)) {
    if (link instanceof PermissionViolationError) return link.subject;
  }
  return null;
}

function explain(error: unknown): string {
  const code = apiCodeOf(error);
  if (code === API_CODE.jetStreamDisabled || code === API_CODE.jetStreamNotEnabledForAccount) {
    return "JetStream is not enabled for this account: start nats-server with -js, or give the account JetStream limits";
  }
  if (FULL.has(code)) {
    return `JetStream is full or over its limits (${messageOf(error)}): free space, or raise max_file, max_mem or the account's limits`;
  }
  if (code === API_CODE.noPeers) {
    return `the cluster has too few servers for the wanted replicas (${messageOf(error)})`;
  }
  for (const link of chainOf(error)) {
    const said = explainTls(link) ?? explainConnection(link);
    if (said !== null) return said;
  }
  return messageOf(error);
}

function explainConnection(error: unknown): string | null {
  if (error instanceof PermissionViolationError) return explainPermission(error);
  if (error instanceof AuthorizationError) return `NATS refused the credentials (${error.message})`;
  if (error instanceof ClosedConnectionError || error instanceof DrainingConnectionError) {
    return "the connection to NATS is closed";
  }
  if (error instanceof ConnectionError) return `NATS cannot be reached (${error.message})`;
  if (error instanceof NoRespondersError) {
    return "nobody answers: JetStream is off (start nats-server with -js), or the stream is gone";
  }
  if (error instanceof TimeoutError) return "the server did not answer in time";
  return null;
}

function explainPermission({ operation, subject }: PermissionViolationError): string {
  const act = operation === "publish" ? "publish on" : "subscribe to";
  return `this NATS user may not ${act} "${subject}": ${remedyFor(subject)}`;
}

function remedyFor(subject: string): string {
  if (isInbox(subject)) return "give the prefix of its own inboxes (inboxPrefix, --inbox-prefix)";
  const missing = "the permission is missing";
  return subject.startsWith("$JS.API.STREAM.CREATE.")
    ? `${missing}; start an orchestrator once, it makes the streams`
    : missing;
}

/** The error and its causes: the client wraps what happened in `RequestError` and `JetStreamNotEnabled`. */
function* chainOf(error: unknown): Generator<unknown> {
  for (let link = error; link instanceof Error; link = link.cause) yield link;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
