import fc from "fast-check";
import {
  inputHashOf,
  parseStartRequest,
  readStart,
  startRequestBody,
} from "../../../src/core/records/start-request.ts";
import { isRunId } from "../../../src/core/token.ts";
import { runIdOfStart, startMessageId } from "../../../src/jetstream/names.ts";
import { START_BODIES } from "../corpus.ts";
import { demand, door, judged } from "../door.ts";
import { bodies, texts } from "../hostile.ts";

/** Start requests as anybody publishes them. What is taken can be sent again, and is the same request then. */
export const start = door({
  name: "start",
  summary: "start requests: bodies and message ids",
  few: 1_000,
  cases: fc.record({
    body: bodies(START_BODIES),
    messageId: fc.option(texts, { nil: null }),
    seq: fc.nat(),
  }),
  open: () => ({
    attempt: ({ body, messageId, seq }) =>
      judged(() => {
        const named = messageId === null || messageId === "" ? null : runIdOfStart(messageId);
        const raw = {
          workflow: "flow",
          seq,
          acceptedAt: 1_700_000_000_000,
          messageId: named,
          body,
        };
        const request = readStart(raw, "ns");
        demand(isRunId(request.runId), "a request without a run id was taken");
        demand(
          runIdOfStart(startMessageId(request.runId)) === request.runId,
          "the message id names another run",
        );
        const again = parseStartRequest("flow", startRequestBody(request), "other");
        demand(again.runId === request.runId, "the run id changes on the way");
        demand(inputHashOf(again) === inputHashOf(request), "the request changes on the way");
        demand(
          Object.getPrototypeOf(request.context) === Object.prototype,
          "the context has a prototype of its own",
        );
      }),
  }),
});
