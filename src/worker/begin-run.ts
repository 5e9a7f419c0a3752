import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { Change } from "../core/checkpoint/change.ts";
import type { NewRun } from "../core/checkpoint/checkpoint.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { inputHashOf, parseStartRequest } from "../core/records/start-request.ts";
import { parseWith } from "../core/schema.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { initialContext } from "../workflows/index.ts";

/** What a start request comes to. */
export interface Beginning {
  readonly run: NewRun;
  readonly start: Extract<Change, { type: "start" }>;
}

/**
 * Reads the request that a message carries. Where neither body nor message id name the run, its id is made of the
 * message's place in the queue, so that the same message always means the same run.
 *
 * @throws FloxideError `validation`
 */
export function readStart(delivery: Delivery, namespace: string): StartRequest {
  const fallback = delivery.messageId ?? idOfPlace(namespace, delivery);
  return parseStartRequest(delivery.workflow, delivery.body, fallback);
}

/** A uuid of version 7: its time is the message's, its chance a hash of where the message stands. */
function idOfPlace(namespace: string, { seq, acceptedAt }: Delivery): string {
  const random = createHash("sha256").update(`${namespace}/${seq}/${acceptedAt}`).digest();
  return uuid({ msecs: acceptedAt, random: random.subarray(0, 16), seq: random.readUInt32BE(16) });
}

/**
 * Checks input and context of a request against the workflow.
 *
 * @throws FloxideError `validation`, saying what does not fit and where
 */
export async function begin(
  workflow: AnyWorkflow,
  request: StartRequest,
  delivery: Pick<Delivery, "seq" | "acceptedAt">,
): Promise<Beginning> {
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
  const known = {
    version: workflow.version,
    fingerprint: workflow.fingerprint,
    inputHash: inputHashOf(request),
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
