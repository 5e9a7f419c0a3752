// What is used of the package `bullmq`. It is not among the packages of this project: `npm ci --prefix bench/peers`
// installs it, and where it is missing its figures are left out. So its types are written down here.

import { readFileSync } from "node:fs";

interface Connected {
  waitUntilReady(): Promise<unknown>;
  setMaxListeners(count: number): unknown;
  close(): Promise<void>;
}

export interface Job {
  readonly id?: string;
  readonly data: Readonly<Record<string, number>>;
  updateData(data: Readonly<Record<string, number>>): Promise<void>;
  getChildrenValues(): Promise<Readonly<Record<string, number>>>;
  waitUntilFinished(events: QueueEvents): Promise<number>;
}

export interface Queue extends Connected {
  add(
    name: string,
    data: Readonly<Record<string, number>>,
    options?: { readonly jobId: string },
  ): Promise<Job>;
}

export interface QueueEvents extends Connected {
  on(event: "completed", listen: (completed: { readonly jobId: string }) => void): unknown;
}

export interface FlowJob {
  readonly name: string;
  readonly queueName: string;
  readonly data: Readonly<Record<string, number>>;
  readonly children?: readonly FlowJob[];
}

export interface FlowProducer extends Connected {
  add(flow: FlowJob): Promise<{ readonly job: Job }>;
}

interface Connection {
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly maxRetriesPerRequest?: null;
  };
}

export interface BullMqPackage {
  readonly Queue: new (name: string, options: Connection) => Queue;
  readonly QueueEvents: new (name: string, options: Connection) => QueueEvents;
  readonly FlowProducer: new (options: Connection) => FlowProducer;
  readonly Worker: new (
    queue: string,
    processor: (job: Job) => Promise<number>,
    options: Connection & { readonly concurrency: number },
  ) => Connected;
}

/** Null where it is not installed. */
export async function loadBullMq(): Promise<BullMqPackage | null> {
  // In a variable, because the compiler does not know the package.
  const name: string = "bullmq";
  try {
    return (await import(name)) as BullMqPackage;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}

/** The version that is installed, or null. */
export function bullMqVersion(): string | null {
  try {
    const file = new URL("./node_modules/bullmq/package.json", import.meta.url);
    return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
  } catch {
    return null;
  }
}
