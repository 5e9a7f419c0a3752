// Starting, watching and steering runs with nothing but a NATS client: no floxide, no JetStream API, JSON in and out. What
// is between the lines of dashes is all that a service needs, in any language that NATS has a client for.

import { headers, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { DistributedWorker, OrchestratorService } from "../src/index.ts";
import { text } from "./01-text.ts";
import { withNatsServer } from "./support/nats-server.ts";
import { runDirectly } from "./support/run-directly.ts";

export { text };

// ------------------------------------------------------------------------------------------------------------------------

/**
 * Publishes a start request. A stream keeps it, and answers a request with `{ stream, seq }` once it does: from then on the
 * run reaches an end. The message id names the run, so a request that is sent twice is one run.
 */
export async function startByPublish(
  nats: NatsConnection,
  workflow: string,
  input: unknown,
  runId: string,
): Promise<void> {
  const named = headers();
  named.set("Nats-Msg-Id", runId);
  const body = JSON.stringify({ input });
  const answer = await nats.request(`floxide.start.${workflow}`, body, {
    headers: named,
    timeout: 5_000,
  });
  const kept = answer.json<{ seq?: number; error?: { description: string } }>();
  if (kept.seq === undefined) throw new Error(kept.error?.description ?? "not kept");
}

/**
 * Asks an orchestrator service: `floxide.api.start`, `status`, `wait`, `result`, `cancel`, `signal`, … A start is checked at
 * once here; one that is published is checked by the worker that takes it, and kept as a dead letter where it does not fit.
 */
export async function ask<T>(nats: NatsConnection, verb: string, request: object): Promise<T> {
  const body = JSON.stringify(request);
  const answer = await nats.request(`floxide.api.${verb}`, body, { timeout: 30_000 });
  const reply = answer.json<T & { error?: { code: string; message: string } }>();
  if (reply.error) throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply;
}

/** Everything that happens to runs of a workflow comes by as lists of events. */
export function watch(nats: NatsConnection, workflow: string, on: (line: string) => void): void {
  nats.subscribe(`floxide.history.${workflow}.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const events = message.json<{ kind: string; node: string | null }[]>();
      on(events.map(({ kind, node }) => (node === null ? kind : `${kind} ${node}`)).join(", "));
    },
  });
}

// ------------------------------------------------------------------------------------------------------------------------

await runDirectly(import.meta, () =>
  withNatsServer(async (servers) => {
    // In real life these run elsewhere: `floxide worker` and `floxide orchestrator`.
    const worker = await DistributedWorker.connect({ servers, workflows: [text] });
    const service = await OrchestratorService.connect({ servers, workflows: [text] });
    await Promise.all([worker.start(), service.start()]);

    const nats = await connect({ servers });
    watch(nats, "text", (line) => console.log(`  events: ${line}`));
    await startByPublish(nats, "text", "  from   a publish ", "greeting-1");
    const { runId } = await ask<{ runId: string }>(nats, "start", {
      workflow: "text",
      input: "from  a  request",
    });
    for (const id of [runId, "greeting-1"]) {
      await ask(nats, "wait", { runId: id });
      console.log(id, await ask(nats, "result", { runId: id }));
    }
    await ask(nats, "start", { workflow: "text", input: 42 }).catch((error: Error) => {
      console.log(error.message);
    });
    await nats.close();
    await service.stop();
    await worker.stop();
  }),
);
