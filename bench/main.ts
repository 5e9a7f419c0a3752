import { readOptions, refuse } from "../proof/support/options.ts";
import { type Figure, MODES } from "./figure.ts";
import { BullMq } from "./peers/bullmq.ts";
import { scenarios } from "./registry.ts";
import { inLines, type Report, serverVersion, thisMachine } from "./report.ts";

const USAGE =
  "npm run bench -- [--only A,B] [--rounds 5] [--mode r1|fsync|r3] [--widths 1000,10000,100000] [--scale 1] [--json]";
const values = readOptions(USAGE, {
  only: { type: "string" },
  rounds: { type: "string", default: "5" },
  mode: { type: "string", default: "r1" },
  widths: { type: "string", default: "1000,10000,100000" },
  scale: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
});

const names = scenarios.map(({ name }) => name);
const only = values.only?.split(",").map((name) => name.trim().toUpperCase());
const unknown = only?.filter((name) => !names.includes(name)) ?? [];
if (unknown.length > 0) {
  refuse(`no scenario ${unknown.join(", ")}; there are ${names.join(", ")}`, USAGE);
}
const wanted = scenarios.filter(({ name, isLong }) => only?.includes(name) ?? isLong !== true);
const mode = MODES.find((known) => known === values.mode);
if (mode === undefined) refuse(`no mode ${values.mode}; there are ${MODES.join(", ")}`, USAGE);
const bench = {
  mode,
  rounds: wholeNumber("--rounds", values.rounds),
  scale: share("--scale", values.scale),
  widths: values.widths
    .split(",")
    .map((width) => wholeNumber("--widths", width))
    .sort((a, b) => a - b),
};

const at = new Date().toISOString();
const figures: Figure[] = [];
const failed: { scenario: string; error: string }[] = [];
for (const scenario of wanted) {
  const say = (line: string): void => console.error(`${scenario.name}  ${line}`);
  say(scenario.title);
  try {
    const measured = await scenario.run({ ...bench, say });
    figures.push(...measured.map((one) => ({ scenario: scenario.name, mode, ...one })));
  } catch (error) {
    // The figures of hours are not to be lost for the last scenario's sake.
    console.error(error);
    failed.push({ scenario: scenario.name, error: String(error) });
  }
}
const report: Report = {
  at,
  machine: thisMachine(),
  server: await serverVersion(),
  peer: BullMq.versions().said,
  ...bench,
  figures,
  failed,
};
if (values.json) console.log(JSON.stringify(report, null, 2));
else for (const line of inLines(report)) console.log(line);
// Also where a client or a timer of a failed scenario is still there.
process.exit(failed.length === 0 ? 0 : 1);

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  return refuse(`${option} takes whole numbers above 0, not "${text}"`, USAGE);
}

function share(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  return refuse(`${option} takes a number above 0 and up to 1, not "${text}"`, USAGE);
}
