import { setTimeout as pause } from "node:timers/promises";
import { figure } from "../figure.ts";
import { flows } from "../scale/flows.ts";
import { type Look, looked } from "../scale/look.ts";
import { ScaleSystem } from "../scale/system.ts";
import { type Scenario, sized } from "../scenario.ts";
import { pipelined } from "../stats.ts";

const WORKERS = 10;
/** Runs before they are idle: workers that have never had anything to do are not what is meant. */
const RUNS = 200;
/**
 * As long as processes that have just begun compile and collect garbage, in milliseconds: V8 shrinks the heap of one that
 * has become idle about 90 seconds after its begin, and takes as much CPU for that as a minute of being idle does.
 */
const SETTLE_MS = 120_000;
/** How long each round looks, in milliseconds: the CPU of a server is known to the next 10 only. */
const LOOK_MS = 60_000;
const SERVED = ["brief", "rare", "failing"] as const satisfies readonly (keyof typeof flows)[];

/**
 * Messages a second that an idle system may send and be sent, of each worker: a heartbeat every 20 s and its answer, and
 * for each of the two consumers of each workflow a request every 40 s with its end. A fifth more, because a short look does
 * not see whole periods.
 */
const MESSAGES_OF_A_WORKER = 1.2 * (2 / 20 + (2 * SERVED.length * 2) / 40);

/** I: what ten workers and a server take when nothing happens. */
export const idle: Scenario = {
  name: "I",
  title: "an idle system: ten workers of three workflows",
  run: async (bench) => {
    await using system = await ScaleSystem.start(bench, { serves: SERVED, workers: WORKERS });
    await pipelined(RUNS, WORKERS, async () => {
      const { orchestrator } = system;
      await orchestrator.waitForCompletion(await orchestrator.startRun(flows.brief, 1));
    });
    bench.say("waiting until the processes have settled");
    await pause(sized(bench, SETTLE_MS));
    const looks: Look[] = [];
    for (let n = 1; n <= bench.rounds; n++) {
      bench.say(`round ${n} of ${bench.rounds}`);
      looks.push(await looked(system, sized(bench, LOOK_MS, 1_000)));
    }
    const ofServer = looks.map(({ serverCpu }) => serverCpu ?? Number.NaN);
    return [
      figure({
        what: "CPU of ten idle workers and the server",
        unit: "% of a core",
        rounds: looks.map(({ workersCpu, serverCpu }) => workersCpu + (serverCpu ?? Number.NaN)),
        beside: { "of it the server": ofServer },
        bounds: [{ most: 1 }],
      }),
      figure({
        what: "CPU of ten idle workers",
        unit: "% of a core",
        rounds: looks.map(({ workersCpu }) => workersCpu),
      }),
      figure({
        what: "messages to and from the server",
        unit: "messages/s",
        rounds: looks.map(({ messages }) => messages),
        bounds: [{ most: Number((WORKERS * MESSAGES_OF_A_WORKER).toFixed(1)) }],
      }),
    ];
  },
};
