import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { WatchTrouble } from "../core/ports/stores.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { RunInfoSchema } from "../core/records/run-info.ts";
import type { Followed, StreamFollower } from "./stream-follower.ts";

interface Listener {
  readonly onEnded: (info: RunInfo) => void;
  readonly trouble: WatchTrouble | undefined;
}

/** What a follower tells. */
export type Told = Pick<Followed, "onAnew" | "onGone"> & {
  readonly onMessage: (body: string) => void;
};

/** Tells any number of listeners of runs that end, with one subscription for all of them. */
export class EndedWatch {
  readonly #follow: (told: Told) => StreamFollower;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #following: Promise<StreamFollower> | null = null;

  /** @param follow - makes the follower of the bucket's ended runs */
  constructor(follow: (told: Told) => StreamFollower, logger: Logger) {
    this.#follow = follow;
    this.#logger = logger;
  }

  /** Calls back for each run that ends from now on. @returns how to stop */
  async add(onEnded: Listener["onEnded"], trouble?: WatchTrouble): Promise<() => void> {
    // Its own, so that the same function may listen twice.
    const listener: Listener = { onEnded, trouble };
    this.#listeners.add(listener);
    try {
      this.#following ??= this.#open();
      await this.#following;
    } catch (error) {
      this.#listeners.delete(listener);
      throw error;
    }
    return () => this.#drop(listener);
  }

  /** Stops for good. */
  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#stop();
  }

  async #open(): Promise<StreamFollower> {
    const follower = this.#follow({
      onMessage: (body) => this.#tell(body),
      onAnew: () => this.#each(({ trouble }) => trouble?.onAnew()),
      onGone: () => this.#end(),
    });
    try {
      await follower.open();
      return follower;
    } catch (error) {
      this.#following = null;
      follower.close();
      throw error;
    }
  }

  #drop(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) void this.#stop();
  }

  async #stop(): Promise<void> {
    const following = this.#following;
    this.#following = null;
    const follower = await following?.catch(() => null);
    follower?.close();
  }

  #tell(body: string): void {
    if (body === "") return;
    let parsed: ReturnType<typeof RunInfoSchema.safeParse>;
    try {
      parsed = RunInfoSchema.safeParse(JSON.parse(body));
    } catch (error) {
      this.#logger.warn({ err: error }, "a run info is not JSON");
      return;
    }
    if (!parsed.success) {
      this.#logger.warn({ err: parsed.error }, "a run info cannot be read");
      return;
    }
    const info = parsed.data;
    this.#each(({ onEnded }) => onEnded(info), info.runId);
  }

  #end(): void {
    const error = new FloxideError("backend", "the connection to NATS is closed");
    this.#each(({ trouble }) => trouble?.onGone(error));
    this.#listeners.clear();
    this.#following = null;
  }

  /** What is thrown into the client's callback ends its connection. */
  #each(tell: (listener: Listener) => void, runId?: string): void {
    for (const listener of [...this.#listeners]) {
      try {
        tell(listener);
      } catch (error) {
        this.#logger.error({ err: error, runId }, "a listener for ended runs failed");
      }
    }
  }
}
