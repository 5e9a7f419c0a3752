// Embedded in a service that has a NATS connection already: POST starts a run, GET tells how it is and what it gave.
// Workers run elsewhere; here one runs beside the service, so that the example is complete.

import { createServer, type IncomingMessage, type Server } from "node:http";
import { text as bodyOf } from "node:stream/consumers";
import { connect } from "@nats-io/transport-node";
import {
  DistributedOrchestrator,
  DistributedWorker,
  isFloxideError,
  type Orchestrator,
} from "../src/index.ts";
import { text } from "./01-text.ts";
import { withNatsServer } from "./support/nats-server.ts";
import { runDirectly } from "./support/run-directly.ts";

export { text };

interface Reply {
  readonly code: number;
  readonly body: unknown;
}

/** Errors are told apart by their `code`, never by their text. */
const HTTP_STATUS: Readonly<Record<string, number>> = {
  validation: 400,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  backend: 503,
};

/** The service. An `Idempotency-Key` becomes the run id: a client that asks twice gets the same run. */
export function serve(orchestrator: Orchestrator): Server {
  return createServer((request, response) => {
    handle(orchestrator, request)
      .catch(replyFor)
      .then(({ code, body }) => {
        response.writeHead(code, { "content-type": "application/json" });
        response.end(`${JSON.stringify(body)}\n`);
      })
      .catch((error: unknown) => response.destroy(error as Error));
  });
}

async function handle(orchestrator: Orchestrator, request: IncomingMessage): Promise<Reply> {
  const [, first = "", second = ""] = (request.url ?? "").split("/");
  if (request.method === "POST" && first === "runs") {
    const key = request.headers["idempotency-key"];
    const input: unknown = JSON.parse(await bodyOf(request));
    const runId = await orchestrator.startRun(second, input, {
      ...(typeof key === "string" ? { runId: key } : {}),
    });
    return { code: 202, body: { runId } };
  }
  if (request.method === "GET" && first === "runs") {
    const runId = decodeURIComponent(second);
    const status = await orchestrator.status(runId);
    const result = status === "completed" ? await orchestrator.result(runId) : null;
    return { code: 200, body: { runId, status, result } };
  }
  return { code: 404, body: { error: "try POST /runs/text or GET /runs/<id>" } };
}

function replyFor(error: unknown): Reply {
  if (error instanceof SyntaxError) return { code: 400, body: { error: error.message } };
  if (!isFloxideError(error)) throw error;
  const { code, message, details } = error;
  return { code: HTTP_STATUS[code] ?? 500, body: { error: message, code, details } };
}

await runDirectly(import.meta, () =>
  withNatsServer(async (servers) => {
    // The host's own connection: floxide uses it and never closes it.
    const connection = await connect({ servers, maxReconnectAttempts: -1 });
    const orchestrator = await DistributedOrchestrator.connect({ connection, workflows: [text] });
    const worker = await DistributedWorker.connect({ connection, workflows: [text] });
    await worker.start();
    const server = serve(orchestrator).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const base = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/runs`;

    const post = await fetch(`${base}/text`, { method: "POST", body: JSON.stringify(" a  text ") });
    const { runId } = (await post.json()) as { runId: string };
    console.log(`POST ${base}/text -> ${post.status} ${runId}`);
    await orchestrator.waitForCompletion(runId);
    console.log("GET  ->", await (await fetch(`${base}/${runId}`)).text());
    console.log("GET  ->", await (await fetch(`${base}/nobody`)).text());

    server.close();
    await worker.stop();
    await orchestrator.close();
    await connection.close();
  }),
);
