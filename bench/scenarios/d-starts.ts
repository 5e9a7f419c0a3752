import { drained } from "../drained.ts";
import { figure } from "../figure.ts";
import { BullMq } from "../peers/bullmq.ts";
import { rawPublish } from "../raw.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { percentile, pipelined } from "../stats.ts";
import { System } from "../system.ts";
import { workflows } from "../workflows.ts";

const { single, unserved } = workflows;

/** D: how soon a start is acknowledged, and how many a second. */
export const starts: Scenario = {
  name: "D",
  title: "starts until they are acknowledged, 1 and 64 in flight",
  run: async (bench) => {
    await using system = await System.start(bench, { worker: { serves: ["single"] } });
    await using peer = await BullMq.start(bench);
    const { orchestrator } = system;
    // As the raw publish: nobody takes what was published, or the worker's work would be measured too.
    const start = () => orchestrator.startRun(unserved, 1);
    const [few, many] = [sized(bench, 1_000, 50), sized(bench, 5_000, 200)];
    const rounds = await inRounds(bench, async (n) => ({
      ...(await inTurns(n, {
        rawOne: () => rawPublish(system, few, 1),
        one: () => pipelined(few, 1, start),
        peerOne: async () => (peer === null ? null : await pipelined(few, 1, () => peer.add())),
      })),
      ...(await inTurns(n, {
        rawMany: () => rawPublish(system, many * 2, 64),
        many: () => pipelined(many, 64, start),
        peerMany: async () => (peer === null ? null : await pipelined(many, 64, () => peer.add())),
      })),
      beside: await pipelined(many, 64, () => orchestrator.startRun(single, 1)),
      drained: await drained(orchestrator),
    }));
    const p50 = rounds.map(({ one }) => percentile(one.latenciesMs, 0.5));
    const raw = rounds.map(({ rawMany }) => rawMany.perSecond);
    return [
      figure({
        what: "start acknowledged, p50, one at a time",
        unit: "ms",
        rounds: p50,
        beside: {
          "one raw publish": rounds.map(({ rawOne }) => percentile(rawOne.latenciesMs, 0.5)),
          BullMQ: rounds.flatMap(({ peerOne }) =>
            peerOne === null ? [] : [percentile(peerOne.latenciesMs, 0.5)],
          ),
        },
        bounds: [{ to: "one raw publish", most: 1.3 }],
      }),
      figure({
        what: "start acknowledged, p99, one at a time",
        unit: "ms",
        rounds: rounds.map(({ one }) => percentile(one.latenciesMs, 0.99)),
        beside: {
          "its p50": p50,
          "one raw publish": rounds.map(({ rawOne }) => percentile(rawOne.latenciesMs, 0.99)),
          BullMQ: rounds.flatMap(({ peerOne }) =>
            peerOne === null ? [] : [percentile(peerOne.latenciesMs, 0.99)],
          ),
        },
      }),
      figure({
        what: "starts/s, 64 in flight",
        unit: "starts/s",
        rounds: rounds.map((round) => round.many.perSecond),
        beside: {
          "raw publishes/s": raw,
          BullMQ: rounds.flatMap(({ peerMany }) => peerMany?.perSecond ?? []),
        },
        bounds: [{ to: "raw publishes/s", least: 0.5 }],
      }),
      figure({
        what: "starts/s, 64 in flight, while a worker takes them",
        unit: "starts/s",
        rounds: rounds.map(({ beside }) => beside.perSecond),
        beside: { "raw publishes/s": raw },
      }),
    ];
  },
};
