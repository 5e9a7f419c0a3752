import type { Change } from "../core/checkpoint/change.ts";
import type { NewRun } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import { passJson } from "../core/json-texts.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { parseWith } from "../core/schema.ts";
import { startSizeBytes } from "../engine/spare-bytes.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { initialContext } from "../workflows/index.ts";

/** What a start request comes to. */
export interface Beginning {
  readonly run: NewRun;
  readonly start: Extract<Change, { type: "start" }>;
}

/**
 * Checks input and context of a request against the workflow.
 *
 * @param limitBytes - what the run's first checkpoint may take
 * @throws FloxideError `validation`, saying what does not fit and where; `payload_too_large`
 */
export async function begin(
  workflow: AnyWorkflow,
  request: StartRequest,
  delivery: Pick<Delivery, "seq" | "acceptedAt">,
  inputHash: string,
  limitBytes: number,
): Promise<Beginning> {
  const bytes = startSizeBytes(request);
  if (bytes > limitBytes) {
    throw new FloxideError(
      "payload_too_large",
      `input and context take ${bytes} bytes, ${limitBytes} are allowed`,
      { details: { bytes, limit: limitBytes } },
    );
  }
  const node = workflow.nodes[workflow.start];
  if (node !== undefined) {
    await parseWith(
      node.inputSchema,
      request.input,
      `the input of workflow "${workflow.name}"`,
      "input",
    );
  }
  const context = initialContext(workflow, request.context);
  passJson(request.context, context);
  const known = {
    version: workflow.version,
    fingerprint: workflow.fingerprint,
    inputHash,
    startSeq: delivery.seq,
    context,
  };
  return {
    run: {
      ...known,
      runId: request.runId,
      workflow: workflow.name,
      createdAt: delivery.acceptedAt,
    },
    start: { ...known, type: "start", node: workflow.start, input: request.input },
  };
}
