import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsServer } from "../../src/jetstream/server/start.ts";

/** What a namespace keeps, by what it is called here. */
const STREAMS = {
  work: "floxide-work",
  /** Consumers of the work stream, with what they believe acknowledged: they come with the stream. */
  consumers: "floxide-work/obs",
  history: "floxide-history",
  context: "KV_floxide-context",
  values: "KV_floxide-values",
  runs: "KV_floxide-runs",
  metrics: "KV_floxide-metrics",
  errors: "KV_floxide-errors",
} as const;
export type Part = keyof typeof STREAMS;

/** From which backup each part comes; a part that is not named comes from nowhere. */
export type Ages = Readonly<Partial<Record<Part, string>>>;

/** All parts from one backup, but for some. */
export function allFrom(age: string, others: Ages = {}): Ages {
  const parts = (Object.keys(STREAMS) as Part[]).filter((part) => part !== "consumers");
  return { ...Object.fromEntries(parts.map((part) => [part, age])), ...others };
}

/** All parts from one backup, but for those that are gone. */
export function without(age: string, ...gone: readonly Part[]): Ages {
  return Object.fromEntries(
    Object.entries(allFrom(age)).filter(([part]) => !gone.includes(part as Part)),
  );
}

const streamsOf = (storeDir: string): string => join(storeDir, "jetstream", "$G", "streams");

/** Copies of what a server had stored at several moments, to be put together anew. */
export class Backups implements AsyncDisposable {
  readonly #dir: string;
  #stores = 0;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async create(): Promise<Backups> {
    return new Backups(await mkdtemp(join(tmpdir(), "floxide-backups-")));
  }

  /** Kills the server, keeps what it has stored, and starts it again. */
  async take(age: string, server: NatsServer): Promise<void> {
    await server.kill();
    await cp(streamsOf(server.storeDir), join(this.#dir, age), { recursive: true });
    await server.restart();
  }

  /** A store of parts of several ages, for a new server. @returns its directory */
  async storeOf(ages: Ages): Promise<string> {
    const storeDir = join(this.#dir, `store-${++this.#stores}`);
    await this.#fill(storeDir, ages);
    return storeDir;
  }

  /** Kills the server, puts parts of several ages in the place of what it has, and starts it again. */
  async putBack(server: NatsServer, ages: Ages): Promise<void> {
    await server.kill();
    for (const stream of Object.values(STREAMS)) {
      await rm(join(streamsOf(server.storeDir), stream), { recursive: true, force: true });
    }
    await this.#fill(server.storeDir, ages);
    await server.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #fill(storeDir: string, ages: Ages): Promise<void> {
    const streams = streamsOf(storeDir);
    await mkdir(streams, { recursive: true });
    for (const [part, age] of Object.entries(ages) as [Part, string][]) {
      const stream = STREAMS[part];
      await rm(join(streams, stream), { recursive: true, force: true });
      await cp(join(this.#dir, age, stream), join(streams, stream), { recursive: true });
    }
  }
}
