import { fileURLToPath } from "node:url";
import { Closing } from "../../proof/support/closing.ts";
import { NODES } from "../chains.ts";
import type { Bench } from "../scenario.ts";
import { type Pipelined, pipelined } from "../stats.ts";
import { WorkerProcess } from "../worker.ts";
import {
  type BullMqPackage,
  bullMqVersion,
  type FlowJob,
  type FlowProducer,
  loadBullMq,
  type Queue,
  type QueueEvents,
} from "./bullmq-package.ts";
import { Redis } from "./redis.ts";

/** The ways in which BullMQ can do ten things in a row. */
export const FORMS = {
  /** The processor of each job adds the next. */
  jobs: "ten jobs, each adds the next",
  /** `FlowProducer`: each job is the parent of the one before it. */
  flow: "ten jobs of a FlowProducer",
  /** "Process step jobs" of its documentation: one job, which saves its data after each step. */
  steps: "one job of ten saved steps",
} as const;
export type Form = keyof typeof FORMS;

/** BullMQ on a Redis of its own, with one worker process and a client in this process. */
export class BullMq implements AsyncDisposable {
  readonly redis: Redis;
  readonly worker: WorkerProcess;
  readonly #client: Client;
  readonly #closing: Closing;
  #runs = 0;

  private constructor(redis: Redis, worker: WorkerProcess, client: Client, closing: Closing) {
    this.redis = redis;
    this.worker = worker;
    this.#client = client;
    this.#closing = closing;
  }

  /** Its versions, or what is missing and how to get it. */
  static versions(): { readonly said: string; readonly missing: boolean } {
    const redis = Redis.version();
    const bullmq = bullMqVersion();
    if (redis === null) {
      const how = "put redis-server on the PATH, for example apt-get install redis-server";
      return { said: `BullMQ was not measured: ${how}`, missing: true };
    }
    if (bullmq === null) {
      return { said: "BullMQ was not measured: npm ci --prefix bench/peers", missing: true };
    }
    return { said: `BullMQ ${bullmq} on Redis ${redis}`, missing: false };
  }

  /** Null where it is not installed, and in mode r3: there is no cluster of Redis here. */
  static async start(bench: Pick<Bench, "mode" | "say">): Promise<BullMq | null> {
    const { said, missing } = BullMq.versions();
    const bullmq = missing || bench.mode === "r3" ? null : await loadBullMq();
    if (bullmq === null) {
      bench.say(missing ? said : `BullMQ is not measured in mode ${bench.mode}`);
      return null;
    }
    const appendfsync = bench.mode === "fsync" ? "always" : "everysec";
    bench.say(`${said}, append-only file, fsync ${appendfsync}`);
    const closing = new Closing();
    try {
      const redis = closing.use(await Redis.start(appendfsync));
      const file = fileURLToPath(new URL("./bullmq-worker.ts", import.meta.url));
      const settings = { port: redis.port, concurrency: 100 };
      const worker = closing.use(await WorkerProcess.run(file, settings));
      const client = closing.use(await Client.connect(bullmq, redis.port));
      return new BullMq(redis, worker, client, closing);
    } catch (error) {
      await closing[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts chains and waits for their ends, so many in flight. Rate and latencies are those of whole runs. */
  chains(form: Form, count: number, inFlight = 100): Promise<Pipelined> {
    return pipelined(count, inFlight, async () => {
      const value = await this.#chain(form);
      if (value !== null && value !== NODES) throw new Error(`BullMQ counted to ${value}`);
    });
  }

  /** One item into many, all worked on, their results into one. @returns the sum */
  async fork(width: number): Promise<number> {
    const { flows, forkEvents } = this.#client;
    const work = (_: unknown, item: number) => ({
      name: "work",
      queueName: "fork",
      data: { item },
    });
    const children = Array.from({ length: width }, work);
    const { job } = await flows.add({ name: "sum", queueName: "fork", data: {}, children });
    return job.waitUntilFinished(forkEvents);
  }

  /** One job into a queue that nobody works for, until it is acknowledged. */
  async add(): Promise<void> {
    await this.#client.unserved.add("node", { value: 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing[Symbol.asyncDispose]();
  }

  /** @returns what the last node returned, or null where that is not told with its end */
  async #chain(form: Form): Promise<number | null> {
    const { jobs, steps, flows, stepsEvents, flowEvents } = this.#client;
    const run = this.#runs++;
    switch (form) {
      case "jobs": {
        // Before it begins: the last job is added by a worker, so its end cannot be asked for earlier.
        const end = this.#client.endOf(`${run}-${NODES}`);
        await jobs.add("node", { run, node: 1, value: 0 }, { jobId: `${run}-1` });
        await end;
        return null;
      }
      case "flow":
        return (await flows.add(chainFlow())).job.waitUntilFinished(flowEvents);
      case "steps":
        return (await steps.add("run", { node: 1, value: 0 })).waitUntilFinished(stepsEvents);
    }
  }
}

/** The last job of the chain, with those before it as its children's children. */
function chainFlow(): FlowJob {
  let flow: FlowJob = { name: "node", queueName: "flow", data: { first: 1 } };
  for (let i = 1; i < NODES; i++) {
    flow = { name: "node", queueName: "flow", data: { first: 0 }, children: [flow] };
  }
  return flow;
}

/** What the client's side of BullMQ holds open. */
class Client implements AsyncDisposable {
  readonly jobs: Queue;
  readonly steps: Queue;
  readonly unserved: Queue;
  readonly flows: FlowProducer;
  readonly stepsEvents: QueueEvents;
  readonly flowEvents: QueueEvents;
  readonly forkEvents: QueueEvents;
  readonly #jobsEvents: QueueEvents;
  readonly #waiting = new Map<string, () => void>();

  private constructor(bullmq: BullMqPackage, port: number) {
    const options = { connection: { host: "127.0.0.1", port } };
    this.jobs = new bullmq.Queue("jobs", options);
    this.steps = new bullmq.Queue("steps", options);
    this.unserved = new bullmq.Queue("unserved", options);
    this.flows = new bullmq.FlowProducer(options);
    this.stepsEvents = new bullmq.QueueEvents("steps", options);
    this.flowEvents = new bullmq.QueueEvents("flow", options);
    this.forkEvents = new bullmq.QueueEvents("fork", options);
    this.#jobsEvents = new bullmq.QueueEvents("jobs", options);
    this.#jobsEvents.on("completed", ({ jobId }) => {
      this.#waiting.get(jobId)?.();
      this.#waiting.delete(jobId);
    });
  }

  static async connect(bullmq: BullMqPackage, port: number): Promise<Client> {
    const client = new Client(bullmq, port);
    // Each call and each wait listens for itself: as many as there are runs in flight.
    for (const part of client.#all) part.setMaxListeners(0);
    await Promise.all(client.#all.map((part) => part.waitUntilReady()));
    return client;
  }

  endOf(jobId: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(jobId, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((part) => part.close()));
  }

  get #all(): readonly (Queue | FlowProducer | QueueEvents)[] {
    return [this.jobs, this.steps, this.unserved, this.flows, ...this.#events];
  }

  get #events(): readonly QueueEvents[] {
    return [this.stepsEvents, this.flowEvents, this.forkEvents, this.#jobsEvents];
  }
}
