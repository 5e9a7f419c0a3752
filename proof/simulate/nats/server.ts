import type { Random } from "../random.ts";
import type { SimTime } from "../time.ts";
import { answerApi } from "./api.ts";
import type { SimConnection } from "./connection.ts";
import type { Outlet } from "./consumer.ts";
import { type HeaderMap, type Packet, packet } from "./message.ts";
import { SimStream, type SimStreamConfig, type StreamWatcher } from "./stream.ts";

/** What a client publishes. */
export interface Publish {
  readonly subject: string;
  readonly reply: string;
  readonly headers: HeaderMap;
  readonly body: string;
}

/** Work that the server does in its own time. What is in one lane keeps its order; lanes do not wait for each other. */
export type Lane = Publish[];

/** One NATS server, or a cluster that looks like one. */
export class SimServer implements Outlet {
  readonly time: SimTime;
  readonly random: Random;
  readonly streams = new Map<string, SimStream>();
  readonly lanes = new Map<string, Lane>();
  readonly connections = new Set<SimConnection>();
  readonly #watcher: StreamWatcher;

  constructor(time: SimTime, random: Random, watcher: StreamWatcher) {
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
    const waiting = this.lanes.get(lane);
    if (waiting === undefined) this.lanes.set(lane, [message]);
    else waiting.push(message);
  }

  /** Does the first piece of work of a lane. */
  work(name: string): void {
    const lane = this.lanes.get(name);
    const message = lane?.shift();
    if (lane === undefined || message === undefined) return;
    if (lane.length === 0) this.lanes.delete(name);
    const { subject, reply, headers, body } = message;
    if (subject.startsWith("$JS.ACK.")) this.#acknowledge(subject, body);
    else if (subject.startsWith("$JS.API.")) answerApi(this, message);
    else {
      const answer = this.#streamOf(subject)?.publish(subject, headers, body);
      if (answer !== undefined && reply !== "") this.send(reply, packet(reply, answer));
    }
  }

  send(to: string, sent: Packet): boolean {
    let isHeard = false;
    for (const connection of this.connections) {
      if (connection.offer(to, sent)) isHeard = true;
    }
    return isHeard;
  }

  listens(subject: string): boolean {
    for (const connection of this.connections) if (connection.listens(subject)) return true;
    return false;
  }

  addStream(config: SimStreamConfig): SimStream {
    const stream = new SimStream(config, this.time, this.#watcher);
    this.streams.set(config.name, stream);
    return stream;
  }

  /** Kills and restarts it. What it has stored stays; what it had not done yet is lost, and so are all connections. */
  restart(): void {
    this.lanes.clear();
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

  #route({ subject, reply, headers, body }: Publish): void {
    const sent = packet(subject, body, { reply, headers: headers.size > 0 ? headers : null });
    if (this.send(subject, sent) || reply === "") return;
    this.send(reply, packet(reply, "", { code: 503, description: "No Responders" }));
  }

  #acknowledge(subject: string, body: string): void {
    const [, , stream = "", consumer = "", , seq] = subject.split(".");
    this.streams.get(stream)?.consumers.get(consumer)?.answer(Number(seq), body);
  }
}
