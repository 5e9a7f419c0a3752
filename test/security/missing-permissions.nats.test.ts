import { describe, expect, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  OrchestratorService,
} from "../../src/index.ts";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { shell } from "./shell.ts";
import { GuardedServer, keepingLogger } from "./support.ts";

// A permission that is missing is said at once, by its subject: nothing waits for an answer that cannot come.

const workflows = [chain(2)];
const WORKER = { role: "worker", workflows: ["chain"] } as const;
/** Far below any time-out, far above what a refusal takes. */
const AT_ONCE = { requestTimeoutMs: 60_000, connectTimeoutMs: 60_000, patienceMs: 60_000 };

/** A server with streams, on which everybody lacks these subjects. */
async function lacking(...subjects: readonly string[]): Promise<GuardedServer> {
  const roles = [{ role: "orchestrator" }, WORKER, { role: "operator", direct: true }] as const;
  const guarded = await GuardedServer.start(roles, subjects);
  const backend = guarded.closing(await openJetStreamBackend(guarded.as("admin")));
  await backend.queue.prepare("chain");
  return guarded;
}

const refusal = (subject: string, act = "publish on") => ({
  code: "backend",
  message: expect.stringContaining(`this NATS user may not ${act} "${subject}"`),
});

describe("a worker without the permission", () => {
  test.each([
    "$JS.API.STREAM.INFO.floxide-work",
    "$JS.API.STREAM.INFO.KV_floxide-context",
    "$JS.API.CONSUMER.INFO.floxide-work.work-chain",
  ])("%s says so when it begins", async (subject) => {
    await using guarded = await lacking(subject);
    const options = { ...guarded.as("worker"), ...AT_ONCE, workflows };
    const begun = DistributedWorker.connect(options).then((worker) => {
      guarded.closing(worker);
      return worker.start();
    });
    await expect(begun).rejects.toMatchObject(refusal(subject));
  });

  test.each([
    ["$JS.API.CONSUMER.MSG.NEXT.floxide-work.start-chain"],
    ["$KV.floxide-context.*"],
    ["$JS.API.DIRECT.GET.KV_floxide-context.$KV.floxide-context.*"],
    ["floxide.control.*"],
  ])("%s says so in its log, again and again", async (pattern) => {
    await using guarded = await lacking(pattern);
    const logger = keepingLogger();
    const options = { ...guarded.as("worker"), ...AT_ONCE, workflows, logger, graceMs: 0 };
    const worker = guarded.closing(await DistributedWorker.connect(options));
    await worker.start();
    const client = guarded.closing(
      await DistributedOrchestrator.connect({ ...guarded.as("admin"), workflows }),
    );
    await client.startRun("chain", 1, { runId: "r" });
    const subject = pattern.replace(/\.[*>]$/, "").replaceAll("$", "\\$");
    await eventually(() => expect(logger.text()).toMatch(new RegExp(subject)));
    expect(logger.text()).toContain("NATS refuses the subject: the permission is missing");
  });
});

test("a worker of another workflow than its user may work for does not begin", async () => {
  await using guarded = await lacking();
  const options = { ...guarded.as("worker"), ...AT_ONCE, workflows: [chain(2, "theirs")] };
  const worker = guarded.closing(await DistributedWorker.connect(options));
  await expect(worker.start()).rejects.toMatchObject({
    code: "backend",
    message: expect.stringMatching(
      /may not publish on "\$JS\.API\.CONSUMER\.INFO\.floxide-work\.(start|work)-theirs"/,
    ),
  });
});

test("an orchestrator without a permission rejects with it, reads and writes alike", async () => {
  await using guarded = await lacking("$KV.floxide-runs.>", "$JS.API.DIRECT.GET.KV_floxide-runs");
  const orchestrator = guarded.closing(
    await DistributedOrchestrator.connect({ ...guarded.as("operator"), ...AT_ONCE, workflows }),
  );
  await expect(orchestrator.startRun("chain", 1, { runId: "r" })).rejects.toMatchObject(
    refusal("$KV.floxide-runs.chain.running.r"),
  );
  const reading = refusal("$JS.API.DIRECT.GET.KV_floxide-runs");
  await expect(orchestrator.run("r")).rejects.toMatchObject(reading);
  await expect(orchestrator.listRuns()).rejects.toMatchObject(reading);
});

test("an orchestrator that may not follow the ends of runs says so to who waits", async () => {
  const subject = "$JS.API.CONSUMER.CREATE.KV_floxide-runs";
  await using guarded = await lacking(subject);
  const orchestrator = guarded.closing(
    await DistributedOrchestrator.connect({ ...guarded.as("operator"), ...AT_ONCE, workflows }),
  );
  await expect(orchestrator.waitForCompletion("r")).rejects.toMatchObject(refusal(subject));
});

test("a service that may not listen to the API does not start", async () => {
  await using guarded = await lacking("floxide.api.>");
  const service = guarded.closing(
    await OrchestratorService.connect({ ...guarded.as("orchestrator"), ...AT_ONCE, workflows }),
  );
  await expect(service.start()).rejects.toMatchObject(refusal("floxide.api.>", "subscribe to"));
});

test("who was not given its inbox prefix is told of the inbox that it may not listen to", async () => {
  await using guarded = await lacking();
  const { inboxPrefix: _, ...options } = guarded.as("worker");
  await expect(
    DistributedWorker.connect({ ...options, ...AT_ONCE, workflows }),
  ).rejects.toMatchObject({
    code: "backend",
    message: expect.stringMatching(/may not subscribe to "_INBOX\..*inboxPrefix/),
  });
});

test("a starter of other workflows is told the subject, in one line", async () => {
  await using guarded = await GuardedServer.start([{ role: "starter", workflows: ["other"] }]);
  const { servers = "" } = guarded.as("starter");
  const { code, out, err } = await shell(["start", "chain", "1"], {
    NATS_URL: String(servers),
    NATS_USER: "starter",
    NATS_PASSWORD: "correct horse",
    NATS_INBOX_PREFIX: "_INBOX_starter",
  });
  expect({ code, out }).toEqual({ code: 6, out: "" });
  expect(err).toMatch(/^floxide: .*may not publish on "floxide\.api\.start\.chain".*\n$/);
});

test("a worker that comes before any orchestrator is told who makes the streams", async () => {
  await using guarded = await GuardedServer.start([WORKER, { role: "orchestrator" }]);
  const options = { ...guarded.as("worker"), ...AT_ONCE, workflows };
  await expect(DistributedWorker.connect(options)).rejects.toMatchObject({
    code: "backend",
    message: expect.stringMatching(
      /may not publish on "\$JS\.API\.STREAM\.CREATE\..*": the permission is missing; start an orchestrator once, it makes the streams$/,
    ),
  });
});
