import { figure } from "../figure.ts";
import { sharedNow } from "../notes.ts";
import { rawPublish } from "../raw.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { percentile, pipelined } from "../stats.ts";
import { System } from "../system.ts";
import { workflows } from "../workflows.ts";

const RAW = "one raw publish after the same pause";
/** Before each start: long enough that the worker has nothing left to do. */
const IDLE_MS = 10;

/** F: how soon a worker that has nothing to do runs the first node of a run. */
export const wakeUp: Scenario = {
  name: "F",
  title: "an idle worker, one start: from the call of startRun to the node",
  run: async (bench) => {
    await using system = await System.start(bench, { worker: { serves: ["single"] } });
    const { orchestrator, worker } = system;
    const count = sized(bench, 200, 10);
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        raw: () => rawPublish(system, count, 1, IDLE_MS),
        ours: async () => {
          await worker.report();
          const called: number[] = [];
          const start = async (): Promise<void> => {
            called.push(sharedNow());
            const runId = await orchestrator.startRun(workflows.single, 0);
            await orchestrator.waitForCompletion(runId);
          };
          await pipelined(count, 1, start, IDLE_MS);
          const { begun } = await worker.report();
          return called.map((at, i) => (begun[i] ?? Number.NaN) - at);
        },
      }),
    );
    return [0.5, 0.99].map((share) =>
      figure({
        what: `p${share * 100} from the call of startRun to the node`,
        unit: "ms",
        rounds: rounds.map(({ ours }) => percentile(ours, share)),
        beside: { [RAW]: rounds.map(({ raw }) => percentile(raw.latenciesMs, share)) },
        ...(share === 0.5 ? { bounds: [{ to: RAW, most: 3 }] } : {}),
      }),
    );
  },
};
