import fc from "fast-check";
import { FloxideError } from "../../../src/core/errors.ts";
import { lead, wholeAt } from "../../../src/jetstream/lineage.ts";
import { NOW, STEPS, STORED_PATCHES, WHOLE } from "../corpus.ts";
import { door, judged } from "../door.ts";
import { bodies } from "../hostile.ts";
import { useCheckpoint } from "./records.ts";

const cases = fc
  .nat(STEPS.length - 1)
  .chain((step) => fc.record({ step: fc.constant(step), body: bodies([STORED_PATCHES[step]]) }));

/** What is stored after a checkpoint that is known: what has changed since, or a whole one. */
export const patches = door({
  name: "patches",
  summary: "stored changes of a checkpoint, read as the store reads them",
  few: 1_000,
  cases,
  open: () => ({
    attempt: ({ step, body }) =>
      judged(() => {
        const [before] = STEPS[step] as (typeof STEPS)[number];
        const message = {
          subject: "$KV.b.k",
          seq: 8,
          storedAt: NOW,
          headers: undefined,
          pending: 0,
        };
        const led = lead(wholeAt(before, WHOLE, 500), [{ ...message, body }], () => ({
          key: "k",
          body,
          revision: 8,
          writtenAt: NOW,
        }));
        if (typeof led === "string") throw new FloxideError("validation", `the patch is ${led}`);
        useCheckpoint(led.checkpoint);
      }),
  }),
});
