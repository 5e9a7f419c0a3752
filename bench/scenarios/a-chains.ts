import { type Budget, budgetOf } from "../budget.ts";
import { NODES, runChains } from "../chains.ts";
import { figure, type Measured } from "../figure.ts";
import { BullMq, FORMS, type Form } from "../peers/bullmq.ts";
import { rawCompareAndSet } from "../raw.ts";
import { type Bench, inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { median, type Pipelined } from "../stats.ts";
import { System } from "../system.ts";

const RAW = "raw compare-and-sets/s";

/** A: how many nodes a second one worker process executes. */
export const chains: Scenario = {
  name: "A",
  title: "chains of ten nodes, 100 runs in flight, one worker process",
  run: async (bench) => {
    await using system = await System.start(bench);
    await using peer = await BullMq.start(bench);
    const { orchestrator, workers, servers } = system;
    const count = sized(bench, 1_000, 20);
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        raw: () => rawCompareAndSet(system, sized(bench, 20_000, 200), 64),
        ours: () => budgetOf(workers, servers, () => runChains(orchestrator, count)),
        ...(peer === null ? {} : turnsOf(peer, count)),
      }),
    );
    const fastest = fastestOf(rounds);
    const ofFastest = rounds.flatMap((round) => round[fastest] ?? []);
    const ours = rounds.map((round) => round.ours);
    return [
      figure({
        what: "nodes/s, 100 runs in flight",
        unit: "nodes/s",
        rounds: ours.map(({ result }) => result.perSecond * NODES),
        beside: {
          [RAW]: rounds.map(({ raw }) => raw.perSecond),
          BullMQ: ofFastest.map(({ result }) => result.perSecond * NODES),
        },
        bounds: [
          { to: RAW, least: 0.5 },
          { to: "BullMQ", least: 2 },
        ],
        note: peer === null ? peerMissing(bench) : `BullMQ: ${FORMS[fastest]}`,
      }),
      ...costs(count * NODES, ours, ofFastest),
      ...(["jobs", "flow", "steps"] as const).flatMap((form) =>
        ofForm(
          form,
          rounds.flatMap((round) => round[form] ?? []),
        ),
      ),
    ];
  },
};

/** What was measured of one side in one round. */
interface Side {
  readonly result: Pipelined;
  readonly cpu: Budget;
}
type PeerRound = Readonly<Partial<Record<Form, Side>>>;

function turnsOf(peer: BullMq, count: number) {
  const turn = (form: Form) => () =>
    budgetOf([peer.worker], peer.redis, () => peer.chains(form, count));
  return { jobs: turn("jobs"), flow: turn("flow"), steps: turn("steps") };
}

/** Of the two forms that have ten jobs a run. */
function fastestOf(rounds: readonly PeerRound[]): Form {
  const rate = (form: Form) =>
    median(rounds.flatMap((round) => round[form]?.result.perSecond ?? []));
  return rate("flow") > rate("jobs") ? "flow" : "jobs";
}

/** Why there is nothing beside ours. */
function peerMissing({ mode }: Pick<Bench, "mode">): string {
  const { said, missing } = BullMq.versions();
  return missing ? said : `BullMQ was not measured: mode ${mode}`;
}

/** CPU for each node, by the process that used it. */
function costs(nodes: number, ours: readonly Side[], peer: readonly Side[]): readonly Measured[] {
  return (["worker", "client", "server"] as const).map((who) => {
    const perNode = (sides: readonly Side[]) =>
      sides.flatMap(({ cpu }) => (cpu[who] === null ? [] : [(cpu[who] * 1_000) / nodes]));
    return figure({
      what: `CPU of the ${who} for each node`,
      unit: "µs",
      rounds: perNode(ours),
      beside: { BullMQ: perNode(peer) },
    });
  });
}

function ofForm(form: Form, sides: readonly Side[]): readonly Measured[] {
  if (sides.length === 0) return [];
  const rounds = sides.map(({ result }) => result.perSecond * NODES);
  return [figure({ what: `BullMQ alone: ${FORMS[form]}`, unit: "nodes/s", rounds })];
}
