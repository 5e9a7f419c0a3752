import type { NatsConnection } from "@nats-io/nats-core";
import type { NodeConnectionOptions } from "@nats-io/transport-node";
import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import { MAX_PARTITIONS } from "../core/partition-of.ts";
import { SAFE_NAME } from "../core/token.ts";
import { TlsSchema } from "./tls.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const Duration = z.number().int().positive();
const Bytes = z.number().int().positive();

/** First token of every subject and name. */
export const NamespaceSchema = z
  .string()
  .regex(SAFE_NAME, "must be letters, digits, _ and -")
  .max(32, "must be 32 characters at most");

const FieldsSchema = z.strictObject({
  /**
   * A connection that the host has made. It stays the host's: it is never closed here. Give it
   * `maxReconnectAttempts: -1`, or a long outage ends it.
   */
  connection: z.custom<NatsConnection>(isConnection, "is no NATS connection").optional(),
  /**
   * Where NATS is, as `host:port` or URL.
   *
   * @default "127.0.0.1:4222"
   */
  servers: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  /** User name; for more see `connectionOptions`. */
  user: z.string().optional(),
  /** Password of `user`. */
  pass: z.string().optional(),
  /** Token, instead of user and password. */
  token: z.string().optional(),
  /** File with the seed of an nkey, instead of user and password. Read again at each login. */
  nkeyFile: z.string().optional(),
  /** File with credentials (JWT and seed), as `nsc` makes them. Read again at each login: it may be replaced. */
  credsFile: z.string().optional(),
  /**
   * Files for TLS, in PEM: `caFile` for a CA that the system does not know, `certFile` and `keyFile` for a server that
   * wants a certificate of its clients. With it a server without TLS is refused. `{}` for TLS with what is usual.
   *
   * @default TLS where the server demands it
   */
  tls: TlsSchema.optional(),
  /**
   * First part of the subjects on which answers come. A NATS user that may listen to its own inboxes only needs it:
   * `_INBOX_<user>` with the permissions that `floxide permissions` makes.
   *
   * @default "_INBOX"
   */
  inboxPrefix: z
    .string()
    .regex(/^_[^\s*>.]+$/, "must begin with _ and be one token")
    .optional(),
  /**
   * Anything else that the NATS client takes: an `authenticator` of your own, `name`, all of its `tls`. What is given here
   * wins over what floxide would choose.
   */
  connectionOptions: z
    .custom<NodeConnectionOptions>((value) => typeof value === "object")
    .optional(),
  /**
   * First token of every subject and name, 1 to 32 letters, digits, `_` and `-`: several systems may share one NATS.
   *
   * @default "floxide"
   */
  namespace: NamespaceSchema.default("floxide"),
  /**
   * How many servers keep each message: 1, 3 or 5. Three survive the loss of one, at about three times the cost of a
   * step. What exists already is raised to this, never lowered.
   *
   * @default 1 for what is created; what exists stays as it is
   */
  replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]).optional(),
  /**
   * Where JetStream keeps messages. `memory` loses everything with its server: for tests.
   *
   * @default "file" for what is created; what exists stays as it is
   */
  storage: z.enum(["file", "memory"]).optional(),
  /**
   * How long ended runs are kept (checkpoint, run info, metrics, errors), in milliseconds. Longer costs disk, and time
   * when the server starts; shorter means that `result` and `status` find nothing sooner.
   *
   * @default 7 days
   */
  retentionMs: Duration.min(1_000).default(7 * DAY_MS),
  /**
   * How long the history of work items is kept, in milliseconds. Usually the largest stream.
   *
   * @default 7 days for what is created; what exists stays as it is
   */
  historyRetentionMs: Duration.min(1_000).optional(),
  /**
   * Bound of the history in bytes: the oldest goes first. JetStream sets this much aside when the stream is created.
   *
   * @default none: only age bounds it
   */
  historyMaxBytes: Bytes.optional(),
  /**
   * False to use a system as it is, without making or changing a stream: for who only looks.
   *
   * @default true
   */
  create: z.boolean().default(true),
  /**
   * How many partitions the system has of which this namespace is one. It is kept with the streams that are created; where
   * it is another number than theirs, ids of runs lead elsewhere, and the namespace is refused.
   *
   * @default none: the namespace is all of the system
   */
  partitions: z.number().int().min(1).max(MAX_PARTITIONS).optional(),
  /**
   * How long dead letters are kept, in milliseconds.
   *
   * @default 30 days for what is created; what exists stays as it is
   */
  deadLetterRetentionMs: Duration.min(1_000).optional(),
  /**
   * Bound of the dead letters in bytes: the oldest goes first. JetStream sets this much aside.
   *
   * @default 64 MiB for what is created; what exists stays as it is
   */
  deadLetterMaxBytes: Bytes.optional(),
  /**
   * How long a message may stay unacknowledged before another worker gets it, in milliseconds. Shorter finds dead
   * workers sooner; a worker whose event loop is blocked longer than this loses its work to another.
   *
   * @default 30 seconds for the consumers that are created; those that exist keep theirs
   */
  ackWaitMs: Duration.min(500).optional(),
  /**
   * How many messages of one workflow and kind may be taken and unacknowledged, over all workers. When it is reached
   * nothing more is handed out: keep it above the sum of all workers' concurrency. More costs the server memory.
   *
   * @default 20,000 for the consumers that are created; those that exist keep theirs
   */
  maxAckPending: z.number().int().positive().optional(),
  /**
   * How long the first connect may take, in milliseconds. After that the connection heals itself for ever.
   *
   * @default 5 seconds
   */
  connectTimeoutMs: Duration.default(5_000),
  /**
   * How long one request may stay unanswered before it is tried again, in milliseconds.
   *
   * @default 5 seconds
   */
  requestTimeoutMs: Duration.default(5_000),
  /**
   * How long a read or write keeps trying while NATS cannot be reached, in milliseconds. Longer rides out longer
   * outages; shorter tells the caller sooner.
   *
   * @default 2 minutes
   */
  patienceMs: Duration.default(120_000),
  /**
   * Private Ed25519 key, as PEM text, that signs the work which this process queues. A signature takes about 0.04 ms of
   * CPU. Start requests that come by the API of a service are signed too.
   *
   * @default none: nothing is signed
   */
  signingKey: z.string().optional(),
  /**
   * Public Ed25519 keys, as PEM text: nothing is executed that none of them has signed. Needs a `signingKey` of theirs,
   * as whoever executes work also queues work. A check takes about 0.1 ms of CPU.
   *
   * @default none: everything is executed
   */
  trustedKeys: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  /** Where to log: a pino logger fits. @default nowhere */
  logger: z
    .custom<Logger>(isLogger, "is no logger: it needs debug, info, warn and error")
    .default(silentLogger),
});

const LOGINS = ["user", "token", "nkeyFile", "credsFile"] as const;
const LOGINS_SAID = LOGINS.join(", ");

/** Schema of the options of the JetStream backend. */
const JetStreamOptionsSchema = FieldsSchema.refine(
  ({ connection, servers }) => connection === undefined || servers === undefined,
  { path: ["servers"], message: "goes without a connection: give one of the two" },
)
  .refine(({ tls }) => (tls?.certFile === undefined) === (tls?.keyFile === undefined), {
    path: ["tls"],
    message: "certFile and keyFile go together",
  })
  .refine((options) => LOGINS.filter((login) => options[login] !== undefined).length <= 1, {
    message: `give one of ${LOGINS_SAID}: they are different ways to log in`,
  });

/** What {@link openJetStreamBackend} takes. */
export type JetStreamOptions = z.input<typeof JetStreamOptionsSchema>;
/** The options with every default filled in. */
export type ResolvedJetStreamOptions = z.output<typeof JetStreamOptionsSchema>;

/** Fills in the defaults. @throws FloxideError `validation` that names the option and the rule */
export function resolveJetStreamOptions(options: JetStreamOptions): ResolvedJetStreamOptions {
  const parsed = JetStreamOptionsSchema.safeParse(options);
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    );
    throw new FloxideError("validation", `the options do not fit: ${said.join("; ")}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

function isConnection(value: unknown): boolean {
  return typeof (value as NatsConnection | null)?.publish === "function";
}

function isLogger(value: unknown): boolean {
  const logger = value as Partial<Logger> | null;
  return [logger?.debug, logger?.info, logger?.warn, logger?.error].every(
    (fn) => typeof fn === "function",
  );
}
