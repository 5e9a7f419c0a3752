import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { RunInfoSchema } from "../core/records/run-info.ts";
import type { StreamFollower } from "./stream-follower.ts";

/** How long the stream is followed on when nobody listens: who waits for one run after the other starts it once. */
const LINGER_MS = 30_000;

type Listener = (info: RunInfo) => void;

/** Tells any number of listeners of runs that end, with one subscription for all of them. */
export class EndedWatch {
  readonly #follow: (onMessage: (body: string) => void) => StreamFollower;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  #following: Promise<StreamFollower> | null = null;
  #stopLingering: (() => void) | null = null;

  /** @param follow - makes the follower of the bucket's ended runs */
  constructor(
    follow: (onMessage: (body: string) => void) => StreamFollower,
    logger: Logger,
    clock: Clock,
  ) {
    this.#follow = follow;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Calls back for each run that ends from now on. @returns how to stop */
  async add(onEnded: Listener): Promise<() => void> {
    // Its own, so that the same function may listen twice.
    const listener: Listener = (info) => onEnded(info);
    this.#listeners.add(listener);
    this.#stopLingering?.();
    this.#stopLingering = null;
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
    const follower = this.#follow((body) => this.#tell(body));
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
    if (this.#listeners.size > 0 || this.#stopLingering !== null) return;
    this.#stopLingering = this.#clock.after(LINGER_MS, () => void this.#stop(), {
      background: true,
    });
  }

  async #stop(): Promise<void> {
    this.#stopLingering?.();
    this.#stopLingering = null;
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
    for (const listener of [...this.#listeners]) this.#handOver(parsed.data, listener);
  }

  /** What is thrown into the client's callback ends its connection. */
  #handOver(info: RunInfo, listener: Listener): void {
    try {
      listener(info);
    } catch (error) {
      this.#logger.error({ err: error, runId: info.runId }, "a listener for ended runs failed");
    }
  }
}
