import type { Mutant } from "./mutant.ts";

const STEER = "src/orchestrator/steer.ts";
const CONTEXT_STORE = "src/jetstream/context-store.ts";

/** What is around workers: commands, repairs, and the adapter. */
export const AROUND: readonly Mutant[] = [
  {
    name: "follower's word",
    breaks: "a cancel leaves messages that the replica it asked has not heard of (G3, R3)",
    file: "src/jetstream/run-messages.ts",
    find: "    const newest = this.#hasOneReplica() ? read : () => this.reader.missing(filter, []);",
    replace: "    const newest = read;",
  },
  {
    name: "no message on resume",
    breaks: "a resumed run has nothing to move it (G1)",
    file: STEER,
    find: "  await requeue(backend.queue, checkpoint, revision, outcome.items, clock.now());\n",
    replace: "",
  },
  {
    name: "no message on signal",
    breaks: "a released item has nothing to move it (G1)",
    file: STEER,
    find: "  await requeue(queue, checkpoint, revision, released, scope.clock.now());\n",
    replace: "",
  },
  {
    name: "no compare",
    breaks: "the last write wins (G2)",
    file: CONTEXT_STORE,
    find: "      ? this.#table.update(key, body, follows, ttl)\n      : this.#table.append(key, body, follows);",
    replace:
      "      ? this.#table.put(key, body, ttl)\n      : this.#table.put(key, body, follows);",
  },
  {
    name: "leaves all",
    breaks: "the end of a run leaves older checkpoints, which show when it has expired (G7)",
    file: CONTEXT_STORE,
    find: "if (!takesPatch(before) || !isMoving(checkpoint)) return null;",
    replace: "if (!takesPatch(before)) return null;",
  },
  {
    name: "half a chain",
    breaks: "what a replica that is behind has of a checkpoint is taken for all of it (R3)",
    file: "src/jetstream/checkpoint-reader.ts",
    find: "return this.#upTo(seq, [...messages.filter((message) => message.seq < seq), newest]);",
    replace: 'return lineageIn(this.#lead("broken", messages));',
  },
  {
    name: "stale read",
    breaks: "an old answer of a replica is taken for what is stored (R3)",
    file: "src/jetstream/checkpoint-reader.ts",
    find: "    if (this.#hasOneReplica()) {\n      const found",
    replace: "    if (atLeast >= 0) {\n      const found",
  },
  {
    name: "always mine",
    breaks:
      "a write whose answer is lost is taken for made, whoever made the one that is stored (G2)",
    file: CONTEXT_STORE,
    find: '        return mayBeMade && commit !== "" && found === commit ? stored.revision : null;',
    replace: '        return mayBeMade && commit !== "" ? stored.revision : null;',
  },
  {
    name: "never mine",
    breaks: "a write whose answer is lost is taken for not made (G2)",
    file: CONTEXT_STORE,
    find: '        return mayBeMade && commit !== "" && found === commit ? stored.revision : null;',
    replace: "        return null;",
  },
  {
    name: "turnless id",
    breaks: "a released item's message is taken for a repetition of its first (G1)",
    file: "src/jetstream/names.ts",
    find: ".$" + "{turn}$" + "{salt",
    replace: "$" + "{turn < 0}$" + "{salt",
  },
  {
    name: "one timer",
    breaks: "a timer that is set late replaces that of the next hold (G5)",
    file: "src/jetstream/names.ts",
    find:
      "      `$" + "{ns}.sched.$" + "{workflow}.$" + "{toToken(runId)}.$" + "{item}.$" + "{turn}`,",
    replace:
      "      `$" +
      "{ns}.sched.$" +
      "{workflow}.$" +
      "{toToken(runId)}.$" +
      "{item}.$" +
      '{turn === "*" ? turn : 0}`,',
  },
  {
    name: "any timer",
    breaks: "a signal that is sent again takes the timer of the next hold (G5)",
    file: STEER,
    find: "    await queue.unschedule(checkpoint.workflow, runId, id, turn - 1);",
    replace:
      "    for (let t = 0; t < 9; t++) await queue.unschedule(checkpoint.workflow, runId, id, t);",
  },
  {
    name: "queue after cancel",
    breaks: "a cancel leaves the run's messages in the queue (G3)",
    file: STEER,
    find: "  await backend.queue.dropRun(checkpoint.workflow, runId);\n",
    replace: "",
  },
  {
    name: "pause untold",
    breaks: "a pause returns before workers have heard of it (G3)",
    file: STEER,
    find: '    askWorkers(scope, { type: "pause", runId, revision }),',
    replace: "    Promise.resolve([]),",
  },
  {
    name: "known repair",
    breaks: "messages of a repair are taken for repetitions of those that were lost (G1)",
    file: "src/orchestrator/repair-run.ts",
    find: "stranded, now, `repair-$" + "{now}`);",
    replace: "stranded, now);",
  },
  {
    name: "no floor",
    breaks: "a message that the queue has forgotten counts as one that will come (G1)",
    file: "src/orchestrator/repair-run.ts",
    find: "    if (!scheduled && seq <= floor) {",
    replace: "    if (!scheduled && seq + floor < 0) {",
  },
  {
    name: "forgotten for ever",
    breaks: "a message that the queue has forgotten stays when its run has ended (G7)",
    file: "src/orchestrator/repair-forgotten.ts",
    find: "      if (seq > floor) break;",
    replace: "      if (seq >= 0) break;",
  },
  {
    name: "opener alone",
    breaks: "a message does not vouch for the branches that it has opened (G1)",
    file: "src/core/checkpoint/inspect.ts",
    find: "  if (own !== undefined && own.opens !== true) return runs;",
    replace: "  if (own !== undefined) return runs;",
  },
  {
    name: "old heartbeat",
    breaks: "a pause does not wait for a worker that a replica shows as it was long ago (G3, R3)",
    file: "src/orchestrator/steer.ts",
    find: "    const alive = isAlive(listed) || isAlive(await liveness.get(listed.workerId));",
    replace: "    const alive = isAlive(listed);",
  },
  {
    name: "late voucher",
    breaks: "a hand-over that is written late takes the voucher of a later turn (G1)",
    file: "src/core/checkpoint/apply.ts",
    find: "    if (item?.turn !== turn) continue;",
    replace: "    if (item === undefined) continue;",
  },
  {
    name: "lost names",
    breaks:
      "values of a write whose answer alone was lost are dropped, though what is stored names them (G1)",
    file: "src/engine/outside.ts",
    find: "    const named = now === null ? new Set() : keptKeys(now);",
    replace: "    const named = new Set();",
  },
];
