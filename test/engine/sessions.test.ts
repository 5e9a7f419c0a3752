import { expect, test } from "vitest";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { hasJson, jsonIn } from "../../src/core/json-texts.ts";
import type { SessionEnvironment } from "../../src/engine/session-environment.ts";
import { Sessions } from "../../src/worker/sessions.ts";

const context = { large: "x".repeat(20_000) };
const checkpoint = newCheckpoint(
  {
    runId: "r",
    workflow: "notes",
    version: 1,
    fingerprint: "",
    inputHash: "",
    startSeq: 1,
    context,
    createdAt: 0,
  },
  0,
);

test("what was written of a run's context is kept while a message of it is in hand, and no longer", async () => {
  const store: Partial<SessionEnvironment["store"]> = {
    get: async () => ({ checkpoint, revision: 1 }),
  };
  const sessions = new Sessions({ store } as SessionEnvironment);
  const [first, second] = [sessions.acquire("r"), sessions.acquire("r")];
  await first.reload();
  jsonIn(context, "large", context.large);
  sessions.release(first);
  expect(hasJson(context)).toBe(true);
  sessions.release(second);
  expect(hasJson(context)).toBe(false);
});
