import type { NatsConnection } from "@nats-io/transport-node";
import { NODES, runChains } from "../chains.ts";
import { figure } from "../figure.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { System } from "../system.ts";

const INBOXES = "_INBOX_four";
const FOUR = "four";

/** A4: whether workers get into each other's way. */
export const fourWorkers: Scenario = {
  name: "A4",
  title: "chains of ten nodes, 100 runs in flight, two and four worker processes",
  run: async (bench) => {
    await using system = await System.start(bench);
    const crew = async (namespace: string, size: number) => {
      for (let i = 0; i < size; i++) await system.addWorker({ namespace, inboxPrefix: INBOXES });
      return system.addClient({ namespace });
    };
    const two = await crew("two", 2);
    const client = await crew(FOUR, 4);
    const count = sized(bench, 1_000, 20);
    // As much for each process: what is new to a process is slow there, and each has to learn by itself.
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        one: () => runChains(system.orchestrator, count),
        two: () => runChains(two, 2 * count),
        four: () => runChains(client, 4 * count),
      }),
    );
    const ofOne = { "one worker process": rounds.map(({ one }) => one.perSecond * NODES) };
    // In a round of its own, because who listens slows the server down.
    bench.say("counting compare-and-sets");
    const commits = await countCommits(system.nc, FOUR, () => runChains(client, count));
    const perNode = (times: number) => [times / (count * NODES)];
    return [
      figure({
        what: "nodes/s, four worker processes",
        unit: "nodes/s",
        rounds: rounds.map((round) => round.four.perSecond * NODES),
        beside: ofOne,
        bounds: [{ to: "one worker process", least: 1 }],
      }),
      figure({
        what: "nodes/s, two worker processes",
        unit: "nodes/s",
        rounds: rounds.map((round) => round.two.perSecond * NODES),
        beside: ofOne,
      }),
      figure({
        what: "writes of checkpoints for each node",
        unit: "writes",
        rounds: perNode(commits.won),
      }),
      figure({
        what: "lost compare-and-sets for each node",
        unit: "conflicts",
        rounds: perNode(commits.lost),
        bounds: [{ most: 0.01 }],
      }),
    ];
  },
};

// What JetStream answers where the revision is not the one that was expected.
const CONFLICTS = [10071, 10164];

/** Listens to what JetStream answers to the workers, and counts the answers to writes of checkpoints. */
async function countCommits(
  nc: NatsConnection,
  namespace: string,
  work: () => Promise<unknown>,
): Promise<{ readonly won: number; readonly lost: number }> {
  let [won, lost] = [0, 0];
  const answers = nc.subscribe(`${INBOXES}.>`, {
    callback: (_error, { data }) => {
      // Acknowledgements and refusals are short and begin like this; what is read is not looked at.
      const text = data.length < 1_024 ? new TextDecoder().decode(data) : "";
      if (text.startsWith(`{"stream":"KV_${namespace}-context"`)) won++;
      if (text.startsWith(`{"error":`) && CONFLICTS.some((code) => text.includes(String(code)))) {
        lost++;
      }
    },
  });
  // The server listens from here on.
  await nc.flush();
  await work();
  await nc.flush();
  answers.unsubscribe();
  if (won === 0)
    throw new Error("no write of a checkpoint was seen: is the prefix of inboxes used?");
  return { won, lost };
}
