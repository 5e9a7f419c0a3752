import type { Msg } from "@nats-io/nats-core";
import { z } from "zod";
import { jsonOrNull } from "../core/json.ts";
import type { Logger } from "../core/logger.ts";
import {
  type CommandListener,
  type ControlBus,
  type ControlCommand,
  haveAnswered,
} from "../core/ports/control-bus.ts";
import type { Link } from "./link.ts";
import { isInbox, type Names } from "./names.ts";
import { NoAnswer } from "./no-answer.ts";
import type { Requester } from "./requester.ts";

const CommandSchema = z.looseObject({
  type: z.enum(["cancel", "pause", "resume", "restored"]),
  runId: z.string(),
  revision: z.number().int().nonnegative(),
});
const AnswerSchema = z.looseObject({ workerId: z.string() });

/** Commands to workers as core NATS messages: not kept, and lost where nobody is connected. */
export class JetStreamControlBus implements ControlBus {
  readonly #link: Link;
  readonly #requester: Requester;
  readonly #names: Names;
  readonly #logger: Logger;
  readonly #stops = new Set<() => void>();

  constructor(link: Link, requester: Requester, names: Names, logger: Logger) {
    this.#link = link;
    this.#requester = requester;
    this.#names = names;
    this.#logger = logger;
  }

  tell(command: ControlCommand): void {
    if (this.#link.isUp) {
      this.#link.nc.publish(this.#names.control(command.runId), JSON.stringify(command));
    }
  }

  async ask(
    command: ControlCommand,
    answers: number | readonly string[],
    timeoutMs: number,
  ): Promise<readonly string[]> {
    const heard = new Set<string>();
    if (haveAnswered(heard, answers)) {
      this.tell(command);
      return [];
    }
    const subject = this.#names.control(command.runId);
    const onReply = (msg: Msg) => {
      const answer = AnswerSchema.safeParse(jsonOrNull(msg.string()));
      if (answer.success) heard.add(answer.data.workerId);
      return haveAnswered(heard, answers);
    };
    try {
      const body = JSON.stringify(command);
      await this.#requester.collect(subject, body, onReply, { timeoutMs, onTimeout: "end" });
    } catch (error) {
      // Nobody listens, or the connection is lost: that is all the answers there are.
      if (!(error instanceof NoAnswer)) throw error;
    }
    return [...heard];
  }

  listen(workerId: string, onCommand: CommandListener): () => void {
    const answer = JSON.stringify({ workerId });
    const subscription = this.#link.nc.subscribe(this.#names.controlAll, {
      callback: (error, msg) => {
        if (error !== null) return;
        const command = CommandSchema.safeParse(jsonOrNull(msg.string()));
        if (!command.success) {
          this.#logger.warn({ subject: msg.subject }, "a control command cannot be read");
          return;
        }
        const heard = this.#handOver(command.data, onCommand);
        if (!isInbox(msg.reply ?? "")) return;
        // What is thrown while the connection goes is of no interest: nobody can be answered.
        heard.then(() => msg.respond(answer)).catch(() => {});
      },
    });
    const stop = () => {
      this.#stops.delete(stop);
      subscription.unsubscribe();
    };
    this.#stops.add(stop);
    return stop;
  }

  /** What is thrown into the client's callback ends its connection. */
  async #handOver(command: ControlCommand, onCommand: CommandListener): Promise<void> {
    try {
      await onCommand(command);
    } catch (error) {
      this.#logger.error({ err: error, runId: command.runId }, "a control command was not taken");
    }
  }

  /** Stops all listening. */
  close(): void {
    for (const stop of [...this.#stops]) stop();
  }
}
