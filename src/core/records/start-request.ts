import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import { z } from "zod";
import { canonicalJson, inOrder } from "../canonical-json.ts";
import { FloxideError } from "../errors.ts";
import { sayIssues } from "../issues.ts";
import type { Json } from "../json.ts";
import { checkDepth } from "../json.ts";
import { textIn } from "../json-texts.ts";
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
  return {
    workflow,
    runId: checkRunId(parsed.data.runId ?? fallbackRunId),
    input: parsed.data.input,
    context: parsed.data.context ?? {},
    version: parsed.data.version ?? null,
  };
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
export function startRequestBody(request: StartRequest): string {
  const { context, version } = request;
  const parts = [`"input":${textIn(request, "input", request.input)}`];
  if (Object.keys(context).length > 0) parts.push(`"context":${textOfAll(context)}`);
  parts.push(`"runId":${JSON.stringify(request.runId)}`);
  if (version !== null) parts.push(`"version":${JSON.stringify(version)}`);
  return `{${parts.join(",")}}`;
}

/** Equal for equal requests, whatever the order of their keys. */
export function inputHashOf(request: HashedParts): string {
  return createHash("sha256").update(hashedText(request)).digest("base64url").slice(0, 22);
}

/** Bytes that input and context take together. */
export function startBytes(request: Pick<StartRequest, "input" | "context">): number {
  const { input, context } = request;
  return Buffer.byteLength(textIn(request, "input", input)) + Buffer.byteLength(textOfAll(context));
}

type HashedParts = Pick<StartRequest, "workflow" | "input" | "context">;

/** Canonical JSON of what tells a request from others. */
function hashedText(request: HashedParts): string {
  const { workflow, input, context } = request;
  const names = Object.keys(context);
  // Names that look like numbers come first, in an order of their own.
  if (names.some((name) => /^\d/.test(name))) return canonicalJson([workflow, input, context]);
  const fields = names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalIn(context, name, context[name] ?? null)}`);
  const texts = [JSON.stringify(workflow), canonicalIn(request, "input", input)];
  return `[${texts.join(",")},{${fields.join(",")}}]`;
}

function canonicalIn(holder: object, name: string, value: Json): string {
  return inOrder(value) === value ? textIn(holder, name, value) : canonicalJson(value);
}

/** The text of each, so that it is there for whoever writes one of them next. */
function textOfAll(context: StartRequest["context"]): string {
  const fields = Object.keys(context).map(
    (name) => `${JSON.stringify(name)}:${textIn(context, name, context[name] ?? null)}`,
  );
  return `{${fields.join(",")}}`;
}
