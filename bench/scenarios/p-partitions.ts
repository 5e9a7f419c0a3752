import { PartitionedOrchestrator } from "#floxide";
import { NODES, runChains } from "../chains.ts";
import { figure } from "../figure.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { System } from "../system.ts";
import { workflows } from "../workflows.ts";

const PARTITIONS = 4;

/** P: what partitions cost where they bring nothing: one server and one worker process. */
export const partitions: Scenario = {
  name: "P",
  title: `chains of ten nodes, 100 runs in flight, on ${PARTITIONS} partitions and on none`,
  run: async (bench) => {
    await using system = await System.start(bench);
    const many = { namespace: "many", partitions: PARTITIONS };
    const worker = await system.addWorker(many);
    await using client = await PartitionedOrchestrator.connect({
      ...many,
      servers: system.servers.urls,
      replicas: system.replicas,
      workflows: Object.values(workflows),
    });
    const count = sized(bench, 1_000, 20);
    const measured = (process: typeof worker, on: Parameters<typeof runChains>[0]) => async () => {
      const { cpuMs: before } = await process.report();
      const { perSecond } = await runChains(on, count);
      const { cpuMs: after } = await process.report();
      return { nodes: perSecond * NODES, cpu: ((after - before) * 1_000) / (count * NODES) };
    };
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        none: measured(system.worker, system.orchestrator),
        some: measured(worker, client),
      }),
    );
    return [
      figure({
        what: `nodes/s, ${PARTITIONS} partitions in one worker process`,
        unit: "nodes/s",
        rounds: rounds.map(({ some }) => some.nodes),
        beside: { "no partitions": rounds.map(({ none }) => none.nodes) },
      }),
      figure({
        what: "CPU of the worker for each node",
        unit: "µs",
        rounds: rounds.map(({ some }) => some.cpu),
        beside: { "no partitions": rounds.map(({ none }) => none.cpu) },
      }),
    ];
  },
};
