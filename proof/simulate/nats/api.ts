import { SimConsumer, toMessageGet } from "./consumer.ts";
import { fits, type HeaderMap, packet } from "./message.ts";
import type { Stored } from "./replica.ts";
import type { Publish, SimServer } from "./server.ts";
import type { SimStream, SimStreamConfig } from "./stream.ts";

// The part of the JetStream API that floxide uses.

type Answer = object | string | null;

const failure = (code: number, errCode: number, description: string): object => ({
  error: { code, err_code: errCode, description },
});
const NO_STREAM = failure(404, 10059, "stream not found");
const NO_CONSUMER = failure(404, 10014, "consumer not found");
const NO_MESSAGE = failure(404, 10037, "no message found");

/** Answers one request of the API. @throws Error for one that the simulation does not know */
export function answerApi(server: SimServer, request: Publish): void {
  const { subject, reply } = request;
  const [, , kind = "", verb = "", third = "", ...rest] = subject.split(".");
  const call = `${kind}.${verb}`;
  if (call === "CONSUMER.MSG") {
    const [stream = "", consumer = ""] = rest;
    const found = server.streams.get(stream)?.consumers.get(consumer);
    if (found !== undefined) found.request(reply, request.body);
    else server.send(reply, packet(reply, "", { code: 503, description: "No Responders" }));
    return;
  }
  if (call === "DIRECT.GET") {
    directGet(server, request, third, rest.join("."));
    return;
  }
  const answer =
    kind === "STREAM"
      ? streamApi(server, call, [third, ...rest], request.body)
      : consumerApi(server, verb, third, rest, request.body);
  if (answer === null) throw new Error(`the simulated server does not know ${subject}`);
  const body = typeof answer === "string" ? answer : JSON.stringify(answer);
  if (reply !== "") server.send(reply, packet(reply, body));
}

function streamApi(
  server: SimServer,
  call: string,
  [name = "", of = ""]: readonly string[],
  body: string,
): Answer {
  if (call === "STREAM.MSG") {
    const stream = server.streams.get(of);
    if (stream === undefined) return NO_STREAM;
    return name === "GET" ? messageGet(stream, body) : messageDelete(stream, body);
  }
  if (call === "STREAM.CREATE") return createStream(server, JSON.parse(body) as SimStreamConfig);
  const stream = server.streams.get(name);
  if (stream === undefined) return NO_STREAM;
  if (call === "STREAM.INFO") return streamInfo(stream, body);
  if (call === "STREAM.PURGE") return purge(stream, body);
  return null;
}

function createStream(server: SimServer, config: SimStreamConfig): Answer {
  const found = server.streams.get(config.name);
  if (found !== undefined) return failure(400, 10058, "stream name already in use");
  return streamInfo(server.addStream(config), "");
}

function streamInfo(stream: SimStream, body: string): object {
  const { messages } = stream.leader;
  const filter =
    body === "" ? undefined : (JSON.parse(body) as { subjects_filter?: string }).subjects_filter;
  const subjects: Record<string, number> = {};
  if (filter !== undefined) {
    for (const { subject } of messages.values()) {
      if (fits(filter, subject)) subjects[subject] = (subjects[subject] ?? 0) + 1;
    }
  }
  let first = stream.lastSeq + 1;
  for (const seq of messages.keys()) first = Math.min(first, seq);
  return {
    config: stream.config,
    state: { messages: messages.size, first_seq: first, last_seq: stream.lastSeq, subjects },
  };
}

function purge(stream: SimStream, body: string): object {
  const { filter } = JSON.parse(body) as { filter: string };
  const fitting = [...stream.leader.messages.values()].filter(({ subject }) =>
    fits(filter, subject),
  );
  for (const { seq } of fitting) stream.remove(seq);
  return { success: true, purged: fitting.length };
}

function messageGet(stream: SimStream, body: string): Answer {
  const {
    seq = 0,
    last_by_subj: last,
    next_by_subj: following,
  } = JSON.parse(body) as {
    seq?: number;
    last_by_subj?: string;
    next_by_subj?: string;
  };
  const { leader } = stream;
  const message =
    last !== undefined
      ? leader.lastOfEach([last]).at(-1)
      : following === undefined
        ? leader.messages.get(seq)
        : leader.from(following, seq).at(0);
  return message === undefined || message === null ? NO_MESSAGE : toMessageGet(message);
}

function messageDelete(stream: SimStream, body: string): object {
  const { seq } = JSON.parse(body) as { seq: number };
  return stream.remove(seq) ? { success: true } : failure(404, 10043, "sequence not found");
}

function consumerApi(
  server: SimServer,
  verb: string,
  streamName: string,
  [name = ""]: readonly string[],
  body: string,
): Answer {
  const stream = server.streams.get(streamName);
  if (stream === undefined) return NO_STREAM;
  if (verb === "LIST") {
    const consumers = [...stream.consumers.values()].map((consumer) => consumer.info());
    const type = "io.nats.jetstream.api.v1.consumer_list_response";
    return { type, total: consumers.length, offset: 0, limit: 256, consumers };
  }
  if (verb === "INFO") return stream.consumers.get(name)?.info() ?? NO_CONSUMER;
  if (verb !== "CREATE") return null;
  const { config } = JSON.parse(body) as { config: Record<string, unknown> };
  const found = stream.consumers.get(name);
  if (found !== undefined) return found.info();
  const consumer = new SimConsumer(name, config, stream, server.time, server);
  stream.consumers.set(name, consumer);
  return consumer.info();
}

interface BatchRequest {
  readonly multi_last?: readonly string[];
  readonly next_by_subj?: string;
  readonly seq?: number;
  readonly batch?: number;
}

function directGet(server: SimServer, request: Publish, name: string, subject: string): void {
  const { reply, body } = request;
  const stream = server.streams.get(name);
  const status = (code: number, description: string): void => {
    server.send(reply, packet(reply, "", { code, description }));
  };
  if (stream === undefined) {
    status(503, "No Responders");
    return;
  }
  const replica = stream.anyReplica(server.random);
  const give = (message: Stored, pending: number): void => {
    server.send(
      reply,
      packet(reply, message.body, { headers: directHeaders(name, message, pending) }),
    );
  };
  if (subject !== "") {
    const message = replica.last(subject);
    if (message === null) status(404, "Message Not Found");
    else give(message, 0);
    return;
  }
  const { multi_last, next_by_subj = ">", seq = 1, batch = 1 } = JSON.parse(body) as BatchRequest;
  const all =
    multi_last === undefined ? replica.from(next_by_subj, seq) : replica.lastOfEach(multi_last);
  if (all.length === 0) {
    status(404, "No Results");
    return;
  }
  const given = multi_last === undefined ? all.slice(0, batch) : all;
  given.forEach((message, i) => {
    give(message, all.length - i - 1);
  });
  status(204, "EOB");
}

function directHeaders(stream: string, message: Stored, pending: number): HeaderMap {
  return new Map([
    ...message.headers,
    ["Nats-Stream", stream],
    ["Nats-Subject", message.subject],
    ["Nats-Sequence", String(message.seq)],
    ["Nats-Time-Stamp", new Date(message.at).toISOString()],
    ["Nats-Num-Pending", String(pending)],
  ]);
}
