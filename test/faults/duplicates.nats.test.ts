import { headers } from "@nats-io/nats-core";
import { beforeEach, expect, test } from "vitest";
import type { Delivery, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { accountOf, exactly } from "../support/account.ts";
import { pausedOnTheirWay, untilWaiting } from "../support/bring-to.ts";
import { eventually } from "../support/eventually.ts";
import {
  type Expected,
  faultFlows,
  faultHold,
  instrument,
  mixture,
} from "../support/fault-flows.ts";
import { altered, LiveSystem } from "../support/live-system.ts";

let executed = new Set<string>();
let executions = 0;

beforeEach(() => {
  executed = new Set();
  executions = 0;
  instrument(({ run, item }) => {
    executed.add(`${run}/${item}`);
    executions += 1;
    // Slow enough that a pause on a busy machine meets them on their way.
  }, 10);
});

async function expectAll(system: LiveSystem, runs: ReadonlyMap<string, Expected>): Promise<void> {
  const { orchestrator } = system;
  for (const id of runs.keys()) await orchestrator.waitForCompletion(id, { timeoutMs: 15_000 });
  for (const [id, expected] of runs) {
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
  }
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
}

/** Publishes what waits for the run in the queue so many times more, each time as a message of its own. */
async function publishAgain(system: LiveSystem, id: string, times: number): Promise<number> {
  const { backend, plain } = system;
  const { workStream, namespace } = backend.names;
  const { workflow } = await system.orchestrator.run(id);
  const queued = await backend.queue.queued(workflow, id);
  for (const { seq, item } of queued) {
    const answer = await plain.request(
      `$JS.API.STREAM.MSG.GET.${workStream}`,
      JSON.stringify({ seq }),
    );
    const body = Buffer.from(answer.json<{ message: { data: string } }>().message.data, "base64");
    for (let n = 0; n < times; n++) {
      await plain.request(`${namespace}.work.${workflow}.${id}.${item}`, body);
    }
  }
  return queued.length;
}

test("items whose messages are in the queue many times are counted once", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  const runs = await pausedOnTheirWay(system, () => executed);
  let published = 0;
  for (const id of runs.keys()) {
    if ((await orchestrator.status(id)) !== "paused") continue;
    await orchestrator.resume(id);
    published += await publishAgain(system, id, 4);
  }
  // Most runs were met on their way.
  expect(published).toBeGreaterThan(12);
  await system.worker();
  await system.worker();
  await expectAll(system, runs);
}, 45_000);

test("a released item whose message is there five times runs on", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  const worker = await system.worker();
  const id = await orchestrator.startRun(faultHold, 10);
  await untilWaiting(system, id);
  await worker.stop();
  await orchestrator.signal(id, "go", 7);
  expect(await publishAgain(system, id, 4)).toBe(1);
  for (let n = 0; n < 3; n++) await system.worker();
  const expected = { workflow: faultHold.name, input: 10, output: 7, items: 2, retries: 0 };
  await expectAll(system, new Map([[id, expected]]));
}, 30_000);

test("a start request that is published again and again begins one run", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { plain, orchestrator } = system;
  for (let n = 0; n < 3; n++) await system.worker();
  const runs = new Map<string, Expected>();
  const publish = async (id: string, messageId: string | null): Promise<boolean> => {
    const { workflow, input } = runs.get(id) ?? mixture(0);
    const h = headers();
    if (messageId !== null) h.set("Nats-Msg-Id", messageId);
    const body = JSON.stringify({ runId: id, input });
    const answer = await plain.request(`floxide.start.${workflow}`, body, {
      headers: h,
      timeout: 5_000,
    });
    return answer.json<{ duplicate?: boolean }>().duplicate === true;
  };
  for (let i = 0; i < 40; i++) {
    const id = `run-${i}`;
    const expected = mixture(i);
    runs.set(id, expected);
    const [first, again] = [await publish(id, id), await publish(id, id)];
    expect([first, again]).toEqual([false, true]);
    const others = await Promise.all([
      publish(id, null),
      publish(id, `other-${i}`),
      publish(id, null),
    ]);
    expect(others).toEqual([false, false, false]);
    if (i % 2 === 0) await orchestrator.startRun(expected.workflow, expected.input, { runId: id });
  }
  await expectAll(system, runs);
  expect(await orchestrator.deadLetters()).toEqual([]);
  // Long after the end: the queue has forgotten the message, the checkpoint has not.
  const before = executions;
  for (const id of runs.keys()) await publish(id, null);
  await expectAll(system, runs);
  expect(executions).toBe(before);
}, 45_000);

/** A queue whose acknowledgements do not arrive the first time. */
function deaf(queue: WorkQueue, onLost: () => void): WorkQueue {
  const wrapped = (delivery: Delivery): Delivery => ({
    kind: delivery.kind,
    workflow: delivery.workflow,
    subject: delivery.subject,
    seq: delivery.seq,
    deliveries: delivery.deliveries,
    acceptedAt: delivery.acceptedAt,
    messageId: delivery.messageId,
    infoWritten: delivery.infoWritten,
    distrust: delivery.distrust,
    body: delivery.body,
    ack: () => (delivery.deliveries === 1 ? onLost() : delivery.ack()),
    giveBack: (delayMs) => delivery.giveBack(delayMs),
    working: () => delivery.working(),
  });
  const pull: WorkQueue["pull"] = (source, max, deliver, signal) =>
    queue.pull(source, max, (delivery) => deliver(wrapped(delivery)), signal);
  return new Proxy(queue, {
    get: (target, name) => {
      if (name === "pull") return pull;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("a message that comes again because its acknowledgement was lost executes nothing", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  let lost = 0;
  const through = (backend: Parameters<typeof altered>[0]) =>
    altered(backend, { queue: deaf(backend.queue, () => lost++) });
  await system.worker({}, through);
  await system.worker({}, through);
  const runs = new Map<string, Expected>();
  for (let i = 0; i < 40; i++) {
    const expected = mixture(i);
    runs.set(await orchestrator.startRun(expected.workflow, expected.input), expected);
  }
  await expectAll(system, runs);
  expect(lost).toBeGreaterThan(runs.size / 2);
  let wanted = 0;
  for (const { items, retries } of runs.values()) wanted += items + retries;
  expect(executions).toBe(wanted);
  for (const id of runs.keys()) expect(await orchestrator.metrics(id)).toMatchObject({ lost: 0 });
}, 45_000);
