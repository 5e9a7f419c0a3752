import { askedRuns } from "./asked-run.ts";
import type { PlannedFault, Scenario } from "./scenario.ts";

/** A scenario for people: one line of JSON for each thing in it, and with each run what it must come to. */
export function describe(scenario: Scenario): string[] {
  const { programs, runs: _runs, commands, faults, aims, ...settings } = scenario;
  const line = (what: string, of: object): string => `${what}\t${JSON.stringify(of)}`;
  return [
    line("scenario", settings),
    ...programs.map((program, i) => line(`flow${i}`, program)),
    ...askedRuns(scenario).map(({ runId, planned, expected }) => {
      const { program, ...how } = planned;
      return line(runId, { workflow: `flow${program}`, ...how, mustComeTo: expected });
    }),
    ...commands.map(({ run, ...command }) => line("command", { run: `run${run}`, ...command })),
    ...faults.map((fault) => line("fault", fault)),
    ...aims.map((aim) => line("aim", aim)),
  ];
}

/** Faults that befall what all processes share. */
const OF_ALL: Readonly<Partial<Record<PlannedFault["type"], string>>> = {
  restart: "restart of the server",
  again: "a message of some consumer comes again",
  amnesia: "some consumer forgets everything",
  forget: "some consumer forgets a message",
  slow: "the server is slow with one kind of work",
};

/** A fault for people. @param name - of the process that it befalls, where it befalls one */
export function describeFault({ type, lasts }: PlannedFault, name: string): string {
  return `fault: ${OF_ALL[type] ?? `${type} of ${name} for ${lasts}`}`;
}
