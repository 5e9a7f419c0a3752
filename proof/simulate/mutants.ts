/** A fault put into the protocol on purpose, to see whether the simulation finds it. */
export interface Mutant {
  readonly name: string;
  /** What the line keeps from happening. */
  readonly breaks: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const ITEM_CHANGES = "src/core/checkpoint/item-changes.ts";
const CONTROL_CHANGES = "src/core/checkpoint/control-changes.ts";
const DRAFT = "src/core/checkpoint/draft.ts";
const CARRY = "src/worker/carry.ts";
const SESSION = "src/engine/session.ts";
const STEER = "src/orchestrator/steer.ts";
const CONTEXT_STORE = "src/jetstream/context-store.ts";

/** Each is found by the simulation: see the README for how soon. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "no fence",
    breaks: "commits after cancel (G3)",
    file: ITEM_CHANGES,
    find: '  if (draft.terminal) return refused("terminal");\n  const item',
    replace: "  const item",
  },
  {
    name: "any turn",
    breaks: "answers of executions that are over count (G2)",
    file: ITEM_CHANGES,
    find: '  if (item.turn !== change.turn) return refused("stale");\n',
    replace: "",
  },
  {
    name: "hold unseen",
    breaks:
      "a hold that lets its item end counts on a context that it has not seen: all wait for each other",
    file: ITEM_CHANGES,
    find: '  if (change.seen !== undefined && change.seen !== draft.next.contextVersion)\n    return refused("outdated");\n',
    replace: "",
  },
  {
    name: "begin twice",
    breaks: "a second start request of a run begins it again (G2)",
    file: CONTROL_CHANGES,
    find: '  if (draft.next.started) return refused("started");\n',
    replace: "",
  },
  {
    name: "signal twice",
    breaks: "a signal that is sent again counts again",
    file: CONTROL_CHANGES,
    find: '  if (draft.next.signalIds.includes(change.id)) return refused("status");\n',
    replace: "",
  },
  {
    name: "same epoch",
    breaks: "messages of a resume are taken for repetitions (G1)",
    file: CONTROL_CHANGES,
    find: '  draft.next.epoch += 1;\n  draft.event("run.resumed");',
    replace: '  draft.event("run.resumed");',
  },
  {
    name: "first end",
    breaks: "a run completes at the first end (G4)",
    file: DRAFT,
    find: "    if (!isOpen) this.#finishIfDone();",
    replace: '    if (!isOpen || added.length === 0) this.finish("completed");',
  },
  {
    name: "open fork",
    breaks: "a join runs before all branches have ended",
    file: DRAFT,
    find: "    if (fork === undefined || fork.live > 0) return;",
    replace: "    if (fork === undefined || fork.live > 1) return;",
  },
  {
    name: "ack first",
    breaks: "a message is acknowledged before its work is committed (G1)",
    file: CARRY,
    find: "    const ending = await this.#walk(checkpoint, revision);",
    replace:
      "    this.#delivery.ack();\n    const ending = await this.#walk(checkpoint, revision);",
  },
  {
    name: "ack early",
    breaks: "a message is acknowledged before what it handed over is stored (G1)",
    file: CARRY,
    find: "    await Promise.all(this.#before);\n",
    replace: "",
  },
  {
    name: "no hand-over",
    breaks: "what is handed over to the queue gets no message (G1, G5)",
    file: CARRY,
    find: "const queued = requeue(backend.queue, checkpoint, revision, ids, clock.now());",
    replace: "const queued = Promise.resolve([backend, revision, clock]);",
  },
  {
    name: "own item only",
    breaks: "a message vouches for its own item and not for what follows (G1)",
    file: CARRY,
    find: "carriedBy(first, this.#carrier)",
    replace: "carriedBy(first, this.#carrier).filter((id) => id === this.#carrier)",
  },
  {
    name: "wrong voucher",
    breaks:
      "what follows from an item is vouched for by a message that somebody has acknowledged (G1)",
    file: ITEM_CHANGES,
    find: "  return carrier === id || carrier === item.carrier ? carrier : (item.carrier ?? id);",
    replace: "  return item.carrier === id ? id : carrier;",
  },
  {
    name: "ack unseen",
    breaks: "a message is acknowledged although somebody else has gone on under it (G1)",
    file: CARRY,
    find: "    return carriedBy(checkpoint, this.#carrier).every((id) => this.#handedOver.has(id));",
    replace: "    return checkpoint !== null;",
  },
  {
    name: "follower's word",
    breaks: "a cancel leaves messages that the replica it asked has not heard of (G3, R3)",
    file: "src/jetstream/run-messages.ts",
    find: "    const newest = this.#hasOneReplica ? read : () => this.reader.missing(filter, []);",
    replace: "    const newest = read;",
  },
  {
    name: "lost end",
    breaks: "a worker that dies after the last commit leaves lists and figures as they were",
    file: CARRY,
    find: "    if (!claimed && this.#delivery.deliveries === 1) return;",
    replace: "    if (!claimed) return;",
  },
  {
    name: "refusal acknowledged",
    breaks: "an answer that lost against another takes its message with it (G1)",
    file: CARRY,
    find: "carriedBy(checkpoint, this.#carrier).length === 0 ? ACK : LEAVE",
    replace: "ACK",
  },
  {
    name: "hot schedule",
    breaks: "a worker whose clock is behind sends work round and round",
    file: CARRY,
    find: "    if (step === 0 && this.#delivery.deliveries === 1) {",
    replace: "    if (step < 0) {",
  },
  {
    name: "deaf to pause",
    breaks: "a worker that was told of a pause starts the next node (G3)",
    file: "src/worker/worker.ts",
    find: "    session?.invalidate(revision);\n",
    replace: "",
  },
  {
    name: "fresh too soon",
    breaks: "while one reads the run anew, another goes on with what was known (G3)",
    file: SESSION,
    find: "    const told = this.#told;\n",
    replace: "    const told = this.#told;\n    this.#seen = told;\n",
  },
  {
    name: "cancel alone",
    breaks: "a cancel drops the queue before workers have heard of it (G3)",
    file: "src/worker/worker.ts",
    find: '    if (type === "cancel") await session?.published();\n',
    replace: "",
  },
  {
    name: "one for all",
    breaks: "of changes that go out together all get the answer of the first",
    file: "src/engine/settle.ts",
    find: "outcomes[i] ??",
    replace: "outcomes[0] ??",
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
    find: "    return this.#table.update(key, body, revision, ttl).catch((error: unknown) => {",
    replace: "    return this.#table.put(key, body, ttl).catch((error: unknown) => {",
  },
  {
    name: "stale read",
    breaks: "an old answer of a replica is taken for what is stored (R3)",
    file: CONTEXT_STORE,
    find: "    if (this.#hasOneReplica) {\n      const entry",
    replace: "    if (atLeast >= 0) {\n      const entry",
  },
  {
    name: "always mine",
    breaks:
      "a write whose answer is lost is taken for made, whoever made the one that is stored (G2)",
    file: CONTEXT_STORE,
    find: "      return found === commit ? stored.revision : null;",
    replace: "      return found === commit ? stored.revision : stored.revision;",
  },
  {
    name: "never mine",
    breaks: "a write whose answer is lost is taken for not made (G2)",
    file: CONTEXT_STORE,
    find: "      return found === commit ? stored.revision : null;",
    replace: "      return found === commit ? null : null;",
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
    name: "history first",
    breaks: "events leave the checkpoint before they are in the history stream",
    file: "src/core/checkpoint/draft.ts",
    find: "    history.next += 1;\n",
    replace: "    history.next += 1;\n    if (history.events.length > 8) history.events.shift();\n",
  },
  {
    name: "no floor",
    breaks: "a message that the queue has forgotten counts as one that will come (G1)",
    file: "src/orchestrator/repair-run.ts",
    find: "    if (isTimer || (!scheduled && seq > floor)) alive.add(item);",
    replace: "    if (isTimer || (!scheduled && seq >= 0)) alive.add(item);",
  },
  {
    name: "forgotten for ever",
    breaks: "a message that the queue has forgotten stays when its run has ended (G7)",
    file: "src/orchestrator/repair-forgotten.ts",
    find: "      if (seq > floor) break;",
    replace: "      if (seq >= 0) break;",
  },
];
