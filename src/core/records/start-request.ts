import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import { z } from "zod";
import { canonicalJson, inOrder } from "../canonical-json.ts";
import { FloxideError } from "../errors.ts";
import { sayIssues } from "../issues.ts";
import type { Json } from "../json.ts";
import { checkDepth } from "../json.ts";
import { type JsonPart, joinJson, jsonIn, noteSource, objectJson, textOf } from "../json-texts.ts";
import { whyNotJson } from "../not-json.ts";
import { checkRunId } from "../token.ts";

/** The body of a start request, as anybody may publish it. Unknown fields are refused: they are mostly typos. */
const StartBodySchema = z.strictObject({
  input: z.custom<Json>(
    (value) => value !== undefined,
    "is missing; give null where the workflow takes nothing",
  ),
  context: z
    .record(
      z.string(),
      z.custom<Json>((value) => value !== undefined),
    )
    .optional(),
  runId: z.string().optional(),
  /** Version of the workflow; the newest that the worker has where none is given. */
  version: z.number().int().positive().optional(),
});

/** A start request, read. */
export interface StartRequest {
  readonly workflow: string;
  readonly runId: string;
  readonly input: Json;
  /** Values of context fields to begin with. */
  readonly context: Readonly<Record<string, Json>>;
  /** Null: the newest. */
  readonly version: number | null;
}

/**
 * Reads the body of a start request.
 *
 * @param fallbackRunId - the message id, or what else names the run where the body does not
 * @throws FloxideError `validation` saying what does not fit
 */
export function parseStartRequest(
  workflow: string,
  body: string,
  fallbackRunId: string,
): StartRequest {
  const raw = decode(workflow, body);
  const parsed = StartBodySchema.safeParse(raw);
  if (!parsed.success) {
    const { issues, text } = sayIssues(parsed.error.issues);
    throw new FloxideError("validation", `the start request does not fit: ${text}`, {
      details: { workflow, issues },
      cause: parsed.error,
    });
  }
  checkDepth(parsed.data.input, "the input");
  checkDepth(parsed.data.context, "the context");
  const request: StartRequest = {
    workflow,
    runId: checkRunId(parsed.data.runId ?? fallbackRunId),
    input: parsed.data.input,
    context: parsed.data.context ?? {},
    version: parsed.data.version ?? null,
  };
  noteSource(body, request, request.context);
  return request;
}

function decode(workflow: string, body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    throw notJson(workflow, error);
  }
}

function notJson(workflow: string, cause: unknown): FloxideError {
  const message = `the start request is not JSON: ${whyNotJson(cause)}`;
  return new FloxideError("validation", message, { details: { workflow }, cause });
}

/** A start request in the queue, unread. */
export interface RawStart {
  readonly workflow: string;
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly messageId: string | null;
  readonly body: string;
}

/**
 * Reads the request that a message carries. Where neither body nor message id name the run, its id is made of the
 * message's place in the queue, so that the same message always means the same run.
 *
 * @throws FloxideError `validation`
 */
export function readStart(raw: RawStart, namespace: string): StartRequest {
  return parseStartRequest(raw.workflow, raw.body, raw.messageId ?? idOfPlace(raw, namespace));
}

/** A uuid of version 7: its time is the message's, its chance a hash of where the message stands. */
function idOfPlace({ seq, acceptedAt }: RawStart, namespace: string): string {
  const random = createHash("sha256").update(`${namespace}/${seq}/${acceptedAt}`).digest();
  return uuid({
    msecs: acceptedAt,
    random: random.subarray(0, 16),
    seq: random.readUInt32BE(16),
  });
}

/** The body that {@link parseStartRequest} reads. */
export const startRequestBody = (request: StartRequest): string =>
  textOf(startRequestJson(request));

/** As {@link startRequestBody}: bytes where it is large. */
export function startRequestJson(request: StartRequest): JsonPart {
  const { context, version } = request;
  const parts: JsonPart[] = ['{"input":', jsonIn(request, "input", request.input)];
  if (Object.keys(context).length > 0) parts.push(',"context":', ...objectJson(context));
  parts.push(`,"runId":${JSON.stringify(request.runId)}`);
  parts.push(version === null ? "}" : `,"version":${JSON.stringify(version)}}`);
  return joinJson(parts);
}

/** Bytes that input and context take together. */
export function startBytes(request: Pick<StartRequest, "input" | "context">): number {
  const parts = [jsonIn(request, "input", request.input), ...objectJson(request.context)];
  return parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
}

/** Equal for equal requests, whatever the order of their keys. */
export function inputHashOf(request: HashedParts): string {
  const hash = createHash("sha256");
  for (const part of hashedParts(request)) hash.update(part);
  return hash.digest("base64url").slice(0, 22);
}

type HashedParts = Pick<StartRequest, "workflow" | "input" | "context">;

/** Canonical JSON of what tells a request from others. */
function hashedParts(request: HashedParts): readonly JsonPart[] {
  const { workflow, input, context } = request;
  const names = Object.keys(context);
  // Names that look like numbers come first, in an order of their own.
  if (names.some((name) => /^\d/.test(name))) return [canonicalJson([workflow, input, context])];
  const sorted = Object.fromEntries(names.sort().map((name) => [name, context[name] ?? null]));
  const fields = objectJson(sorted, (_, name, value) => canonicalIn(context, name, value));
  const parts = [
    `[${JSON.stringify(workflow)},`,
    canonicalIn(request, "input", input),
    ",",
    ...fields,
    "]",
  ];
  return parts.every((part) => typeof part === "string") ? [parts.join("")] : parts;
}

function canonicalIn(holder: object, name: string, value: Json): JsonPart {
  return inOrder(value) === value ? jsonIn(holder, name, value) : canonicalJson(value);
}
