import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { ask, startByPublish, text, watch } from "../../examples/20-any-language.ts";
import { DistributedWorker, OrchestratorService } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";

test("20 starts, watches and asks with a NATS client alone", async () => {
  await using server = await startTestServer();
  const options = { servers: server.url, workflows: [text] };
  const worker = await DistributedWorker.connect(options);
  const service = await OrchestratorService.connect(options);
  await Promise.all([worker.start(), service.start()]);
  const nats = await connect({ servers: server.url });
  const seen: string[] = [];
  watch(nats, "text", (line) => seen.push(line));

  await startByPublish(nats, "text", " a  b ", "plain-1");
  // The same request again is the same run.
  await startByPublish(nats, "text", " a  b ", "plain-1");
  await eventually(() => expect(seen).toHaveLength(1));
  expect(seen[0]).toMatch(
    /^run.started.*item.completed clean, item.completed measure, run.completed$/,
  );
  expect(await ask(nats, "result", { runId: "plain-1" })).toEqual({
    output: { text: "a b", words: 2, characters: 3 },
  });

  const { runId } = await ask<{ runId: string }>(nats, "start", { workflow: "text", input: "x" });
  await ask(nats, "wait", { runId });
  expect(await ask(nats, "status", { runId })).toMatchObject({ status: "completed" });
  await expect(ask(nats, "start", { workflow: "text", input: 42 })).rejects.toThrow(
    /^validation: /,
  );

  await nats.close();
  await service.stop();
  await worker.stop();
});
