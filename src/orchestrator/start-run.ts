import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { toJson } from "../core/json.ts";
import { newId } from "../core/new-id.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { inputHashOf } from "../core/records/start-request.ts";
import { parseWith } from "../core/schema.ts";
import { checkRunId } from "../core/token.ts";
import { spareBytesOf, startSizeBytes } from "../engine/spare-bytes.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { initialContext } from "../workflows/index.ts";
import type { Ends } from "./await-run.ts";
import { infoOfStart } from "./find-run.ts";
import { reviveRun } from "./restore-run.ts";
import type { OrchestratorScope, WriteScope } from "./scope.ts";

export interface StartOptions<Initial extends object = Readonly<Record<string, unknown>>> {
  /** Names the run: the same id twice is the same run. 1 to 128 bytes of any text. @default a uuid of version 7 */
  readonly runId?: string | undefined;
  /** Values of context fields to begin with. */
  readonly context?: Initial | undefined;
}

/** A start under an id that was made for it: nobody else can know it. */
export interface NewStart extends StartOptions {
  readonly runId: string;
  readonly isNewId: true;
}

/**
 * Starts a run: checks input and context, then publishes one start request and files the run, side by side.
 *
 * @returns the run id, once the request is kept
 * @throws FloxideError `validation` (nothing is stored), `conflict` where the id belongs to a run with a different
 * workflow, input or context, `payload_too_large`, `backend`
 */
export async function startRun(
  scope: OrchestratorScope,
  workflow: AnyWorkflow,
  input: unknown,
  options: StartOptions | NewStart,
  ends: Ends,
): Promise<string> {
  const request = await checkedRequest(scope, workflow, input, options);
  if (options.runId === undefined || "isNewId" in options) {
    const { queue, runs } = scope.backend;
    const notStarted = ends.starting(request.runId);
    // The info goes first on the connection: a request that is kept is listed.
    const filed = runs.create(infoOf(scope, request));
    const published = queue.start(request, { infoWritten: true });
    await Promise.all([filed, published]).catch((error: unknown) => {
      notStarted();
      throw error;
    });
    return request.runId;
  }
  await publishStart(scope, request);
  return request.runId;
}

/**
 * Files a run under an id that may be taken, and publishes its start request as it is.
 *
 * @throws FloxideError `conflict`, `payload_too_large`, `backend`
 */
export async function publishStart(scope: WriteScope, request: StartRequest): Promise<void> {
  const { queue, runs } = scope.backend;
  if (!(await runs.create(infoOf(scope, request)))) {
    await refuseOther(scope, request);
    await reviveRun(scope, request.runId);
  }
  const { seq, duplicate } = await queue.start(request, { infoWritten: true });
  if (duplicate) await settleDuplicate(scope, request, seq);
}

async function checkedRequest(
  scope: OrchestratorScope,
  workflow: AnyWorkflow,
  input: unknown,
  options: StartOptions,
): Promise<StartRequest> {
  const what = `the input of workflow "${workflow.name}"`;
  const value = toJson(input, what);
  const node = workflow.nodes[workflow.start];
  if (node !== undefined) await parseWith(node.inputSchema, value, what, "input");
  initialContext(workflow, options.context ?? {});
  const context = toJson(options.context ?? {}, `the context for workflow "${workflow.name}"`);
  const request: StartRequest = {
    workflow: workflow.name,
    runId: options.runId === undefined ? newId() : checkRunId(options.runId),
    input: value,
    context: context as StartRequest["context"],
    version: workflow.version,
  };
  checkSize(scope, startSizeBytes(request), workflow.name);
  return request;
}

/** What would not fit into the run's checkpoint is refused before anything is stored. */
function checkSize({ backend }: OrchestratorScope, bytes: number, workflow: string): void {
  const limit = backend.maxValueBytes - spareBytesOf(backend.maxValueBytes);
  if (bytes <= limit) return;
  throw new FloxideError(
    "payload_too_large",
    `input and context of a run of "${workflow}" take ${bytes} bytes, ${limit} are allowed`,
    { details: { workflow, bytes, limit } },
  );
}

const infoOf = ({ clock }: WriteScope, request: StartRequest): RunInfo =>
  infoOfStart({ acceptedAt: clock.now() }, request);

/** The id is taken: fine for the same request, an error for another one. */
async function refuseOther(scope: WriteScope, request: StartRequest): Promise<void> {
  const info = await scope.backend.runs.get(request.runId);
  if (info !== null && info.inputHash !== inputHashOf(request))
    throw conflict(request.runId, info.workflow);
}

/**
 * The queue knows the id, perhaps from somebody who published without a client. It may also remember that of a request
 * which it has lost, or which became a dead letter: then nothing is kept of the run, and the request is published anew.
 */
async function settleDuplicate(
  scope: WriteScope,
  request: StartRequest,
  seq: number,
): Promise<void> {
  const { queue, contexts } = scope.backend;
  const first = await queue.startAt(seq).catch((error: unknown) => {
    // Somebody published something else under this id: nobody can begin a run with that.
    if (isFloxideError(error, "validation")) return null;
    throw error;
  });
  const begun = first === null ? ((await contexts.get(request.runId))?.checkpoint ?? null) : null;
  if (first === null && (begun === null || waitsForStart(begun))) {
    await queue.start(request, { infoWritten: true, anew: true });
    return;
  }
  const known =
    first === null ? begun : { workflow: first.workflow, inputHash: inputHashOf(first) };
  if (known !== null && known.inputHash !== inputHashOf(request)) {
    throw conflict(request.runId, known.workflow);
  }
}

const waitsForStart = ({ started, status }: Checkpoint): boolean => !started && !isTerminal(status);

function conflict(runId: string, workflow: string): FloxideError {
  return new FloxideError(
    "conflict",
    `run "${runId}" exists with a different input, context or workflow (it is a run of "${workflow}")`,
    { details: { runId, workflow } },
  );
}
