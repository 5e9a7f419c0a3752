import { JetStreamApiError } from "@nats-io/jetstream";
import type { Msg, MsgCallback } from "@nats-io/nats-core";
import { MsgImpl } from "@nats-io/nats-core/internal";
import fc from "fast-check";
import { StoredCheckpointSchema } from "../../../src/core/checkpoint/stored-form.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { silentLogger } from "../../../src/core/logger.ts";
import { JetStreamControlBus } from "../../../src/jetstream/control-bus.ts";
import { headersOf } from "../../../src/jetstream/headers-of.ts";
import { decodeAll, decodeEntry, KvTable } from "../../../src/jetstream/kv-table.ts";
import type { Link, LinkWatcher } from "../../../src/jetstream/link.ts";
import { namesOf } from "../../../src/jetstream/names.ts";
import { NoAnswer } from "../../../src/jetstream/no-answer.ts";
import { Requester } from "../../../src/jetstream/requester.ts";
import { RunMessages } from "../../../src/jetstream/run-messages.ts";
import { Signing } from "../../../src/jetstream/signing.ts";
import { CHECKPOINTS, COMMANDS, STORED_CHECKPOINTS } from "../corpus.ts";
import { demand, door, refusalOf, type Verdict } from "../door.ts";
import { bodies, headerBlocks } from "../hostile.ts";

// Answers of a server, or of whoever plays one. The client hands them to a callback: what is thrown there ends the
// connection, so nothing may be.

const encoder = new TextEncoder();
const NAMES = namesOf("ns");

/** The message as the client makes it of what it reads from the wire. */
function message(subject: string, headers: string | null, body: string, respond: () => void): Msg {
  const head = headers === null ? new Uint8Array() : encoder.encode(headers);
  const data = encoder.encode(body);
  const raw = new Uint8Array(head.length + data.length);
  raw.set(head);
  raw.set(data, head.length);
  const arg = {
    subject: encoder.encode(subject),
    reply: encoder.encode("_INBOX.reply"),
    sid: 1,
    hdr: headers === null ? -1 : head.length,
    size: raw.length,
  };
  return new MsgImpl(arg, raw, { publish: respond } as never) as Msg;
}

/** Requests that one case may lead to. A server that always says "there is more" must not be asked for ever. */
const MOST_REQUESTS = 12;

/** A connection that answers each request with the same replies, some times, and is lost then. */
class Wire {
  readonly link: Link;
  thrown: unknown = null;
  readonly #callbacks = new Map<string, MsgCallback<Msg>>();
  readonly #replies: readonly Reply[];
  #watchers: LinkWatcher[] = [];
  #requests = 0;

  constructor(replies: readonly Reply[]) {
    this.#replies = replies;
    const nc = {
      isClosed: () => false,
      subscribe: (subject: string, { callback }: { callback: MsgCallback<Msg> }) => {
        this.#callbacks.set(subject.replace(/[*>]$/, ""), callback);
        return { unsubscribe: () => {}, isClosed: () => false, drain: async () => {} };
      },
      publish: (_subject: string, _body: unknown, options?: { reply?: string }) => {
        if (options?.reply !== undefined) this.#answer(options.reply);
      },
    };
    this.link = {
      nc,
      isUp: true,
      isGone: false,
      clock: systemClock,
      inboxPrefix: undefined,
      maxValueBytes: 1_000_000,
      checkSize: () => {},
      watch: (watcher: LinkWatcher) => {
        this.#watchers.push(watcher);
        return () => {};
      },
    } as unknown as Link;
  }

  /** Hands one message to whoever listens on its subject. */
  deliver(subject: string, { headers, body }: Reply): void {
    for (const [prefix, callback] of this.#callbacks) {
      if (!subject.startsWith(prefix)) continue;
      try {
        callback(
          null,
          message(subject, headers, body, () => {}),
        );
      } catch (error) {
        this.thrown ??= error;
      }
    }
  }

  #answer(inbox: string): void {
    this.#requests += 1;
    const isLast = this.#requests >= MOST_REQUESTS;
    queueMicrotask(() => {
      for (const reply of this.#replies) this.deliver(inbox, reply);
      queueMicrotask(() => {
        if (isLast || !this.#isAnswered(inbox)) this.lose();
      });
    });
  }

  /** Whether the server has more to say is not known here: it says nothing more. */
  #isAnswered(_inbox: string): boolean {
    return false;
  }

  lose(): void {
    const watchers = this.#watchers;
    for (const watcher of watchers) watcher.onLost?.();
  }
}

interface Reply {
  readonly headers: string | null;
  readonly body: string;
}

const STORED = [
  "NATS/1.0\r\nNats-Stream: s\r\nNats-Subject: $KV.ns-context.r\r\nNats-Sequence: 3\r\nNats-Time-Stamp: 2026-01-01T00:00:00Z\r\nNats-Num-Pending: 0\r\n\r\n",
  "NATS/1.0 404\r\nBad Name: x\r\nNats-Subject: $KV.ns-context.r\r\nNats-Sequence: 3\r\nNats-Time-Stamp: 2026-01-01T00:00:00Z\r\nNats-Num-Pending: 5\r\n\r\n",
  "NATS/1.0\r\nNats-Subject: $KV.ns-context.r\r\nNats-Sequence: x\r\nNats-Time-Stamp: never\r\nNats-Num-Pending: -1\r\n\r\n",
] as const;

const ANSWERS = [
  { stream: "s", seq: 3 },
  { stream: "s", seq: 3, duplicate: true },
  { error: { code: 400, err_code: 10071, description: "wrong last sequence: 2" } },
  { error: { code: 404, err_code: 10037, description: "no message found" } },
  {
    type: "t",
    message: {
      subject: "$KV.ns-context.r",
      seq: 3,
      hdrs: Buffer.from("NATS/1.0\r\nA b: c\r\n\r\n").toString("base64"),
      data: Buffer.from("{}").toString("base64"),
      time: "2026-01-01T00:00:00Z",
    },
  },
  { type: "t", state: { first_seq: 1, last_seq: 9 } },
  { type: "t", success: true, purged: 3 },
];

const reply: fc.Arbitrary<Reply> = fc.record({
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 3, arbitrary: fc.constantFrom(...STORED) },
    { weight: 2, arbitrary: headerBlocks },
  ),
  body: fc.oneof(
    { weight: 4, arbitrary: bodies(ANSWERS) },
    {
      weight: 1,
      arbitrary: bodies([...CHECKPOINTS.slice(0, 2), ...STORED_CHECKPOINTS.slice(1, 3)]),
    },
    { weight: 2, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: bodies(COMMANDS) },
  ),
});

type Use = (table: KvTable, messages: RunMessages) => Promise<unknown>;

const entry = (body: string) => ({ key: "r", body, revision: 1, writtenAt: 0 });

const USES: Readonly<Record<string, Use>> = {
  get: async (table) => {
    const found = await table.get("r");
    return found === null
      ? null
      : decodeEntry(StoredCheckpointSchema, entry(found.body), "the checkpoint");
  },
  leader: (table) => table.getFromLeader("r"),
  put: async (table) => {
    const revision = await table.put("r", new Uint8Array(), 0);
    demand(Number.isSafeInteger(revision) && revision > 0, "a write has no revision");
  },
  update: (table) => table.update("r", new Uint8Array(), 1, 5),
  list: async (table) => decodeAll(StoredCheckpointSchema, await table.list("*")),
  marker: (table) => table.markerRevision("r"),
  bounds: (table) => table.reader.bounds(),
  batch: async (table) => {
    const { messages } = await table.reader.from(">", 1, 10);
    for (const { seq, storedAt } of messages) {
      demand(Number.isSafeInteger(seq) && !Number.isNaN(storedAt), "a message has no place");
    }
  },
  queued: (_table, messages) => messages.list("flow", "r"),
  delete: (_table, messages) => messages.delete(3),
  purge: async (_table, messages) => {
    const purged: unknown = await messages.purgeSchedules("ns.sched.flow.r.*");
    demand(typeof purged === "number", "what was purged is no number");
  },
};

interface Case {
  readonly use: string;
  readonly replies: readonly Reply[];
}

/** Answers of the server: acknowledgements, stored messages, statuses, errors; and commands on the control bus. */
export const replies = door<Case>({
  name: "replies",
  summary: "answers of the server, header blocks, messages of the control bus",
  few: 800,
  cases: fc.record({
    use: fc.constantFrom(...Object.keys(USES), "control", "headers"),
    replies: fc.array(reply, { minLength: 1, maxLength: 3 }),
  }),
  open: () => ({
    attempt: async ({ use, replies: said }) => {
      const wire = new Wire(said);
      const verdict = await answered(use, said, wire);
      if (wire.thrown !== null)
        throw new Error("thrown into the client's callback", { cause: wire.thrown });
      return verdict;
    },
  }),
});

async function answered(use: string, said: readonly Reply[], wire: Wire): Promise<Verdict> {
  if (use === "headers") {
    for (const { headers, body } of said)
      headersOf(message("a.b", headers, body, () => {}))?.get("Nats-Msg-Id");
    return "accepted";
  }
  const requester = new Requester(wire.link, 1_000);
  try {
    if (use === "control") {
      const bus = new JetStreamControlBus(wire.link, requester, NAMES, silentLogger);
      bus.listen("w1", (command) =>
        demand(typeof command.runId === "string", "a command names no run"),
      );
      for (const one of said) wire.deliver("ns.control.r", one);
      await bus.ask({ type: "pause", runId: "r", revision: 1 }, 2, 1_000);
      return "accepted";
    }
    const table = new KvTable(wire.link, requester, "KV_ns-context", "$KV.ns-context.");
    await (USES[use] as Use)(
      table,
      new RunMessages(requester, NAMES, new Signing(null, null), () => true),
    );
    return "accepted";
  } catch (error) {
    if (error instanceof NoAnswer || error instanceof JetStreamApiError) return "backend";
    return refusalOf(error);
  } finally {
    requester.close();
  }
}
