import { test } from "vitest";
import { expectAllHold } from "./schedules.ts";

// Two files, so that two cores share them. `npm run simulate` plays any number.
test("every promise holds in the first thousand schedules", { timeout: 180_000 }, () =>
  expectAllHold(1, 1_000),
);
