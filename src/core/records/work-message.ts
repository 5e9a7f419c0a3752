import { z } from "zod";

/** The body of a work-queue message: which item, and how new a checkpoint must be to know of it. */
export const WorkMessageSchema = z.looseObject({
  v: z.literal(1),
  runId: z.string(),
  item: z.number().int().positive(),
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
  readonly turn: number;
  /** Part of the message id too: a repair must not be taken for the message that was lost. Empty otherwise. */
  readonly salt: string;
}
