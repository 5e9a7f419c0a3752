import { z } from "zod";
import { isRunId } from "../token.ts";

/** The body of a work-queue message: which item, and how new a checkpoint must be to know of it. */
export const WorkMessageSchema = z.looseObject({
  v: z.literal(1),
  // A subject is made of it: one that is too long would end the connection of whoever asks for the run.
  runId: z.string().refine(isRunId, { error: "must be 1 to 128 bytes of well-formed text" }),
  item: z.number().int().positive(),
  /** Turn of the item that the message is for: one that comes late must not take what has a message of its own. */
  turn: z.number().int().nonnegative(),
  /** Revision of the checkpoint that added or released the item. A read older than this says nothing of it. */
  revision: z.number().int().nonnegative(),
  /** Version and graph of the workflow, so that a worker with another leaves the work alone. */
  version: z.number().int().nonnegative(),
  fingerprint: z.string(),
});
export type WorkMessage = z.infer<typeof WorkMessageSchema>;

/** One item to put into the work queue. */
export interface QueuedItem extends WorkMessage {
  readonly workflow: string;
  /** Part of the message id: a re-queued item is not a repetition of the one before. */
  readonly epoch: number;
  /** Part of the message id too: a repair must not be taken for the message that was lost. Empty otherwise. */
  readonly salt: string;
}

/** Revision and turn that the body of a message names: 0 and null where it cannot be read. */
export function namedIn(body: string): { readonly revision: number; readonly turn: number | null } {
  try {
    const { revision, turn } = WorkMessageSchema.parse(JSON.parse(body));
    return { revision, turn };
  } catch {
    return { revision: 0, turn: null };
  }
}
