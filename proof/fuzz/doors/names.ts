import fc from "fast-check";
import { fromCursor, toCursor } from "../../../src/core/run-cursor.ts";
import { checkRunId, fromToken, isRunId, toToken } from "../../../src/core/token.ts";
import {
  namesOf,
  readItemSubject,
  readStartSubject,
  runIdOfStart,
  startMessageId,
} from "../../../src/jetstream/names.ts";
import { demand, door, judged } from "../door.ts";
import { bodies, texts } from "../hostile.ts";

const NAMES = namesOf("ns");

/** A subject as the server takes it: no blanks, no wildcards, not too long. */
const SUBJECT = /^[!-~]{1,2000}$/;

const subjects = fc
  .tuple(
    fc.constantFrom("ns", "other", ""),
    fc.constantFrom("work", "sched", "start", "x"),
    texts,
    texts,
    fc.oneof(texts, fc.constantFrom("1", "0x1", "1e3", "-1", "9".repeat(30))),
  )
  .map((parts) => parts.join("."));

type Case =
  | { readonly what: "id"; readonly text: string }
  | { readonly what: "token"; readonly text: string }
  | { readonly what: "subject"; readonly text: string }
  | { readonly what: "cursor"; readonly text: string };

/** Ids, tokens, subjects and cursors of listings. */
export const names = door<Case>({
  name: "names",
  summary: "ids, tokens, subjects, message ids, cursors of listings",
  few: 1_500,
  cases: fc.oneof(
    fc.record({
      what: fc.constant("id" as const),
      text: fc.oneof(texts, fc.string({ unit: "binary", maxLength: 140 })),
    }),
    fc.record({
      what: fc.constant("token" as const),
      text: fc.oneof(texts, fc.stringMatching(/^[=A-F0-9a-z]{0,12}$/)),
    }),
    fc.record({ what: fc.constant("subject" as const), text: subjects }),
    fc.record({
      what: fc.constant("cursor" as const),
      text: fc.oneof(
        texts,
        bodies([["2026-01-01T00:00:00.000Z", "r", 5, 3]]).map((text) =>
          Buffer.from(text).toString("base64url"),
        ),
      ),
    }),
  ),
  open: () => ({ attempt: ({ what, text }) => judged(() => USES[what](text)) }),
});

const USES: Readonly<Record<Case["what"], (text: string) => void>> = {
  id: (text) => {
    const id = checkRunId(text);
    demand(fromToken(toToken(id)) === id, "a token stands for another id");
    demand(runIdOfStart(startMessageId(id)) === id, "a message id stands for another run");
    demand(/^[ -~]+$/.test(startMessageId(id)), "a message id that no header carries");
    const made = [
      NAMES.work("flow", id, 1),
      NAMES.sched("flow", id, 1, 0),
      NAMES.history("flow", id),
      NAMES.control(id),
    ];
    for (const subject of made)
      demand(SUBJECT.test(subject) && !/[*>]/.test(subject), `"${subject}" is no subject`);
    const read = readItemSubject(NAMES, made[0] ?? "");
    demand(
      read?.runId === id && read.item === 1 && !read.scheduled,
      "a subject names another item",
    );
  },
  token: (text) => {
    const id = fromToken(text);
    demand(toToken(id) === text, "an id has two tokens");
  },
  subject: (text) => {
    const item = readItemSubject(NAMES, text);
    if (item !== null)
      demand(Number.isSafeInteger(item.item) && item.item >= 0, "an item has no number");
    readStartSubject(NAMES, text);
    demand(
      item === null || !isRunId(item.runId) || toToken(item.runId) === text.split(".")[3],
      "a subject names another run",
    );
  },
  cursor: (text) => {
    const cursor = fromCursor(text);
    const again = fromCursor(toCursor(cursor));
    demand(JSON.stringify(again) === JSON.stringify(cursor), "a cursor changes on the way");
  },
};
