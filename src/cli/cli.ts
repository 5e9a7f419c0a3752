import { FloxideError, isFloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { Logger } from "../core/logger.ts";
import { partitionNamespace, partitionNamespaces, partitionOf } from "../core/partition-of.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import { refusedSubjectOf } from "../jetstream/translate-error.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import type { Door, Io } from "./io.ts";
import { readKeyFiles } from "./key-files.ts";
import { holdingRefusals, loggerTo } from "./log.ts";
import { type Runs, runsOf } from "./runs.ts";
import type { LogLevel, Settings } from "./settings.ts";
import { type System, systemOf } from "./system.ts";
import { oneLine, printable, printableJson } from "./text/printable.ts";
import { styled } from "./text/style.ts";
import type { Column } from "./text/table.ts";
import { block, table } from "./text/table.ts";

/** How long one command keeps trying while NATS cannot be reached, in milliseconds: somebody waits at the terminal. */
const PATIENCE_MS = 10_000;
/** Partitions that are opened at a time. */
const WIDTH = 8;

/** How a command comes to its system. */
interface DoorOptions {
  /** Workflows that it can start. */
  readonly workflows?: readonly AnyWorkflow[];
  /** True to make the system where there is none. @default false */
  readonly create?: boolean;
}

/** What a command works with: settings, NATS, and where its words go. */
export class Cli {
  readonly io: Io;
  readonly settings: Settings;

  constructor(io: Io, settings: Settings) {
    this.io = io;
    this.settings = settings;
  }

  /** A logger on the standard error: lines for people at a terminal, JSON elsewhere. */
  logger(usual: LogLevel): Logger {
    const { logLevel, quiet, json } = this.settings;
    const level = logLevel ?? (quiet ? "error" : usual);
    const isTerminal = this.io.err.columns !== null;
    return loggerTo(this.io.err, level, isTerminal && !json ? "people" : "json");
  }

  /** Options for everything that connects to JetStream. @throws FloxideError `validation` where keys cannot be read */
  jetstream(logger: Logger): JetStreamOptions {
    const { namespace, connection, keyFiles, partitions, partOf } = this.settings;
    const many = partitions ?? partOf;
    const keys = readKeyFiles(keyFiles, this.io.cwd);
    return {
      ...connection,
      ...keys,
      ...(many === null ? {} : { partitions: many }),
      namespace,
      logger,
    };
  }

  /** What commands about this run work with: the namespace of its partition. */
  of(runId: string): Cli {
    const { partitions, namespace: first } = this.settings;
    if (partitions === null) return this;
    const namespace = partitionNamespace(first, partitionOf(runId, partitions));
    return new Cli(this.io, {
      ...this.settings,
      namespace,
      partitions: null,
      partOf: partitions,
    });
  }

  /** Connects, hands over an orchestrator for each namespace of the system, and closes all at the end. */
  withOrchestrators<T>(
    work: (orchestrators: readonly Orchestrator[]) => Promise<T>,
    options: DoorOptions = {},
  ): Promise<T> {
    return this.withDoor(
      async (_door, orchestrator) => work(await inParallel(this.namespaces(), WIDTH, orchestrator)),
      options,
    );
  }

  /** Hands over what looks at runs: an orchestrator, or with `--through-api` the orchestrator service. */
  withRuns<T>(work: (runs: Runs) => Promise<T>): Promise<T> {
    return this.withDoor(async (door, orchestrator) => work(await this.runs(door, orchestrator)));
  }

  /** Hands over what looks at the whole system, on however many partitions it is. */
  withSystem<T>(work: (system: System) => Promise<T>): Promise<T> {
    const isPartitioned = this.settings.partitions !== null;
    return this.withDoor(async (door, orchestrator) => {
      const looks = (namespace: string) =>
        this.runs(door, () => orchestrator(namespace), namespace);
      return work(systemOf(await inParallel(this.namespaces(), WIDTH, looks), isPartitioned));
    });
  }

  /** Namespaces of the system: of its partitions, or the one. */
  namespaces(): readonly string[] {
    const { namespace, partitions } = this.settings;
    return partitions === null ? [namespace] : partitionNamespaces(namespace, partitions);
  }

  /** What looks at runs, of a door that is open. @param namespace - another one than that of the settings */
  async runs(
    door: Door,
    orchestrator: () => Promise<Orchestrator>,
    namespace?: string,
  ): Promise<Runs> {
    return this.settings.throughApi ? runsOf(door, namespace) : await orchestrator();
  }

  /** Connects, and closes all at the end. The stores of a namespace are opened only where its orchestrator is asked for. */
  async withDoor<T>(
    work: (door: Door, orchestrator: (namespace?: string) => Promise<Orchestrator>) => Promise<T>,
    { workflows = [], create = false }: DoorOptions = {},
  ): Promise<T> {
    const { log, tell } = holdingRefusals(this.logger("warn"));
    const opened = await this.io.open({
      ...this.jetstream(log),
      create,
      patienceMs: PATIENCE_MS,
    });
    let isUnanswered = false;
    const door: Door = {
      ...opened,
      ask: async (...request) => {
        const answer = await opened.ask(...request);
        isUnanswered = answer === null;
        return answer;
      },
    };
    const makings = new Map<string, Promise<Orchestrator>>();
    const make = async (namespace: string) => {
      const parts = { backend: await door.backend(namespace), workflows, log };
      return new Orchestrator(parts, { orchestratorId: "floxide-cli" });
    };
    try {
      const done = await work(door, (namespace = this.settings.namespace) => {
        const making = makings.get(namespace) ?? make(namespace);
        makings.set(namespace, making);
        return making;
      });
      tell();
      return done;
    } catch (error) {
      // What the command fails of is said once, unless the log itself was asked for.
      if (refusedSubjectOf(error) === null || this.settings.logLevel !== null) tell();
      throw workflows.length > 0 ? error : this.#withRemedy(error, isUnanswered);
    } finally {
      for (const made of await Promise.allSettled(makings.values())) {
        if (made.status === "fulfilled") await made.value.close();
      }
      await door.close();
    }
  }

  /** Says what a user of a role that goes through the API can do, where it was refused JetStream. */
  #withRemedy(error: unknown, isUnanswered: boolean): unknown {
    const isKnown = isFloxideError(error, "backend");
    if (!isKnown || refusedSubjectOf(error)?.startsWith("$JS.API.STREAM.INFO.") !== true)
      return error;
    if (this.settings.throughApi && !isUnanswered) return error;
    const role = "a user of a role that goes through the API needs";
    const remedy = isUnanswered
      ? `no orchestrator service answers, and ${role} one`
      : `${role} --through-api (FLOXIDE_THROUGH_API=1)`;
    const { message, details } = error;
    return new FloxideError("backend", `${message}; ${remedy}`, { details, cause: error });
  }

  /** The answer of a command: one JSON document with `--json`, else what `show` writes. */
  answer(document: object, show: () => string): void {
    this.io.out.write(this.settings.json ? `${printableJson(document)}\n` : show());
  }

  /** A word to people beside the answer. Not for programs. */
  note(text: string): void {
    const { quiet, json } = this.settings;
    if (quiet || json) return;
    this.io.err.write(`${styled(printable(text), "dim", this.io.err.colors)}\n`);
  }

  /** Says why the command ends. One line, or one JSON object. */
  complain(error: unknown): void {
    const { code, message, details } = complaintOf(error);
    const text = this.settings.json
      ? printableJson({ error: { code, message, details } })
      : `${styled("floxide:", "red", this.io.err.colors)} ${oneLine(message)}`;
    this.io.err.write(`${text}\n`);
    if (this.settings.logLevel !== "debug" || !(error instanceof Error)) return;
    for (let link: unknown = error; link instanceof Error; link = link.cause) {
      this.io.err.write(`${link.stack ?? link.message}\n`);
    }
  }

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
    const { columns: width, colors } = this.io.out;
    return table(columns, rows, { width, colors });
  }

  block(fields: Parameters<typeof block>[0]): string {
    return block(fields, this.io.out.colors);
  }
}

function complaintOf(error: unknown): {
  readonly code: string;
  readonly message: string;
  readonly details: object;
} {
  if (isFloxideError(error)) return error;
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const message = `this is a bug in floxide: ${reason} (--log-level debug shows where)`;
  return { code: "internal", message, details: {} };
}
