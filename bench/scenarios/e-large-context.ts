import { NODES, runChains } from "../chains.ts";
import { figure } from "../figure.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { pipelined } from "../stats.ts";
import { System } from "../system.ts";
import { workflows } from "../workflows.ts";

const CONTEXT_BYTES = 100_000;

/** E: what a large context costs the nodes that write a small field of it. */
export const largeContext: Scenario = {
  name: "E",
  title: "chains of ten nodes with a context of 100 kB, each node writes one field",
  run: async (bench) => {
    await using system = await System.start(bench, { worker: { serves: ["chain", "large"] } });
    const { orchestrator, servers } = system;
    const ballast = "x".repeat(CONTEXT_BYTES);
    const count = sized(bench, 200, 10);
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        small: () => runChains(orchestrator, sized(bench, 1_000, 20)),
        large: async () => {
          const before = await servers.traffic();
          const measured = await pipelined(count, 100, async () => {
            const context = { ballast, seen: 0 };
            const runId = await orchestrator.startRun(workflows.large, 0, { context });
            await orchestrator.waitForCompletion(runId);
          });
          const after = await servers.traffic();
          return { ...measured, bytes: after.inBytes - before.inBytes };
        },
      }),
    );
    return [
      figure({
        what: "nodes/s, context of 100 kB",
        unit: "nodes/s",
        rounds: rounds.map(({ large }) => large.perSecond * NODES),
        beside: { "A with a small context": rounds.map(({ small }) => small.perSecond * NODES) },
        bounds: [{ to: "A with a small context", least: 0.3 }],
      }),
      figure({
        what: "bytes that the server is sent for each node, start of the run included",
        unit: "bytes",
        rounds: rounds.map(({ large }) => large.bytes / (count * NODES)),
      }),
    ];
  },
};
