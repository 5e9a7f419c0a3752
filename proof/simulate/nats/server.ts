import type { Mover } from "../mover.ts";
import type { Random } from "../random.ts";
import type { SimTime } from "../time.ts";
import { answerApi } from "./api.ts";
import type { SimConnection } from "./connection.ts";
import type { Outlet } from "./consumer.ts";
import { type HeaderMap, type Packet, packet } from "./message.ts";
import { SimStream, type SimStreamConfig, type StreamWatcher } from "./stream.ts";

/** What a client publishes. */
export interface Publish {
  readonly from: SimConnection;
  readonly subject: string;
  readonly reply: string;
  readonly headers: HeaderMap;
  readonly body: string;
}

/** Work that the server does in its own time. What is in one lane keeps its order; lanes do not wait for each other. */
export class Lane implements Mover {
  readonly waiting: Publish[] = [];
  readonly #work: (message: Publish) => void;
  /** True while the server does nothing in it. */
  isHeld = false;

  constructor(work: (message: Publish) => void) {
    this.#work = work;
  }

  isReady(): boolean {
    return this.waiting.length > 0 && !this.isHeld;
  }

  move(): boolean {
    const message = this.waiting.shift();
    if (message !== undefined) this.#work(message);
    return false;
  }
}

/** One NATS server, or a cluster that looks like one. */
export class SimServer implements Outlet {
  readonly time: SimTime;
  readonly random: Random;
  readonly streams = new Map<string, SimStream>();
  readonly lanes = new Map<string, Lane>();
  readonly connections = new Set<SimConnection>();
  /** Whose message the server works on. */
  actor: SimConnection | null = null;
  readonly #watcher: StreamWatcher;
  readonly #lag: number;
  #lane = "";

  /** @param lag - how often replicas are behind: 0 to 1 */
  constructor(time: SimTime, random: Random, watcher: StreamWatcher, lag: number) {
    this.#lag = lag;
    this.time = time;
    this.random = random;
    this.#watcher = watcher;
  }

  /** What a client has sent, at the door. */
  receive(message: Publish): void {
    const lane = this.#laneOf(message.subject);
    if (lane === null) {
      this.#route(message);
      return;
    }
    this.lane(lane).waiting.push(message);
  }

  lane(name: string): Lane {
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      lane = new Lane((message) => this.#work(name, message));
      this.lanes.set(name, lane);
    }
    return lane;
  }

  #work(lane: string, message: Publish): void {
    const { from, subject, reply, headers, body } = message;
    this.actor = from;
    this.#lane = lane;
    if (subject.startsWith("$JS.ACK.")) this.#acknowledge(subject, body);
    else if (subject.startsWith("$JS.API.")) answerApi(this, message);
    else {
      const answer = this.#streamOf(subject)?.publish(subject, headers, body);
      if (answer !== undefined && reply !== "") this.send(reply, packet(reply, answer));
    }
    this.actor = null;
  }

  /** @param source - what keeps its order on the way to the client: the lane that is worked in, where nothing is said */
  send(to: string, sent: Packet, source = this.#lane): boolean {
    let isHeard = false;
    for (const connection of this.connections) {
      if (connection.offer(to, sent, source)) isHeard = true;
    }
    return isHeard;
  }

  acknowledged(): void {
    this.#watcher.acknowledged();
  }

  overdue(seq: number): void {
    this.#watcher.overdue(seq);
  }

  listens(subject: string): boolean {
    for (const connection of this.connections) if (connection.listens(subject)) return true;
    return false;
  }

  addStream(config: SimStreamConfig): SimStream {
    const stream = new SimStream(config, this.time, this.#watcher, this.#lag);
    this.streams.set(config.name, stream);
    return stream;
  }

  /** Kills and restarts it. What it has stored stays; what it had not done yet is lost, and so are all connections. */
  restart(): void {
    for (const lane of this.lanes.values()) lane.waiting.length = 0;
    for (const stream of this.streams.values()) {
      stream.forgetIds();
      for (const consumer of stream.consumers.values()) consumer.restart();
    }
    for (const connection of [...this.connections]) connection.cut();
  }

  #laneOf(subject: string): string | null {
    if (subject.startsWith("$JS.ACK.")) {
      const [, , stream, consumer] = subject.split(".");
      return `consumer ${stream} ${consumer}`;
    }
    if (subject.startsWith("$JS.API.CONSUMER.MSG.NEXT.")) {
      const [, , , , , stream, consumer] = subject.split(".");
      return `consumer ${stream} ${consumer}`;
    }
    if (subject.startsWith("$JS.API.DIRECT.GET.")) return `direct ${subject.split(".")[4]}`;
    if (subject.startsWith("$JS.API.")) return "api";
    const stream = this.#streamOf(subject);
    return stream === null ? null : `stream ${stream.name}`;
  }

  #streamOf(subject: string): SimStream | null {
    for (const stream of this.streams.values()) if (stream.takes(subject)) return stream;
    return null;
  }

  #route({ from, subject, reply, headers, body }: Publish): void {
    const sent = packet(subject, body, { reply, headers: headers.size > 0 ? headers : null });
    if (this.send(subject, sent, from.name) || reply === "") return;
    this.send(reply, packet(reply, "", { code: 503, description: "No Responders" }));
  }

  #acknowledge(subject: string, body: string): void {
    const [, , stream = "", consumer = "", , seq] = subject.split(".");
    this.streams.get(stream)?.consumers.get(consumer)?.answer(Number(seq), body);
  }
}
