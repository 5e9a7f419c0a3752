import type { Door } from "./door.ts";
import { answersDoor } from "./doors/answers.ts";
import { api } from "./doors/api.ts";
import { cli } from "./doors/cli.ts";
import { definitions } from "./doors/definitions.ts";
import { modulesDoor } from "./doors/modules.ts";
import { names } from "./doors/names.ts";
import { options } from "./doors/options.ts";
import { patches } from "./doors/patches.ts";
import { records } from "./doors/records.ts";
import { replies } from "./doors/replies.ts";
import { start } from "./doors/start.ts";

/** All doors that are tried in this process. */
export const DOORS: readonly Door[] = [
  start,
  records,
  patches,
  names,
  replies,
  api,
  cli,
  answersDoor,
  definitions,
  options,
  modulesDoor,
];
