import { iso } from "../core/clock.ts";
import type { DeadLetterStore } from "../core/ports/stores.ts";
import { DeadLetterSchema } from "../core/records/dead-letter.ts";
import type { Handle } from "./handle.ts";
import type { Shared } from "./shared.ts";
import { read, write } from "./text.ts";

/** Dead letters that are kept: older ones go. */
const LETTER_LIMIT = 10_000;

/** The letters of a world, oldest first, as text. */
export interface DeadLetterTexts {
  nextId: number;
  readonly texts: Map<number, string>;
}

/** Messages that could not be taken, in memory. */
export function memoryDeadLetterStore(
  { options }: Shared,
  letters: DeadLetterTexts,
  handle: Handle,
): DeadLetterStore {
  return {
    add: async (letter) => {
      handle.check();
      const id = letters.nextId;
      const text = write(
        { ...letter, id, at: iso(options.clock.now()) },
        options.maxValueBytes,
        "a dead letter",
      );
      letters.nextId += 1;
      letters.texts.set(id, text);
      letters.texts.delete(id - LETTER_LIMIT);
    },
    list: async (limit, before) => {
      handle.check();
      return [...letters.texts]
        .filter(([id]) => before === null || id < before)
        .reverse()
        .slice(0, limit)
        .map(([id, text]) => read(DeadLetterSchema, text, `dead letter ${id}`));
    },
  };
}
