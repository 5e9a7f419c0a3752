import { test } from "vitest";
import { expectAllHold } from "./schedules.ts";

test("every promise holds in the second thousand schedules", { timeout: 180_000 }, () =>
  expectAllHold(1_001, 1_000),
);
