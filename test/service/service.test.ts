import { describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { RepairLoop } from "../../src/service/repair-loop.ts";
import { Service } from "../../src/service/service.ts";
import { VERB_NAMES } from "../../src/service/verbs.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain } from "../support/flows.ts";
import { FakeTransport } from "./fake-transport.ts";
import { serviceWith } from "./system.ts";

const held = { workflow: "approval", input: { timeoutMs: null }, runId: "r1" };

describe("a request that cannot be answered", () => {
  test("gets a body with code, message and details, and the headers of micro services", async () => {
    const { transport } = await serviceWith([chain(1)]);
    const reply = await transport.send("floxide.api.status", '{"runId":"nobody"}');
    expect(reply).toEqual({
      body: {
        error: {
          code: "not_found",
          message: 'there is no run "nobody"',
          details: { runId: "nobody" },
        },
      },
      headers: {
        "Nats-Service-Error-Code": "404",
        "Nats-Service-Error": 'there is no run "nobody"',
      },
    });
  });

  test("has its message on one printable line in the header", async () => {
    const { transport } = await serviceWith([chain(1)]);
    const body = JSON.stringify({ runId: `Ä\n${"x".repeat(90)}` });
    const { headers } = await transport.send("floxide.api.status", body);
    expect(headers["Nats-Service-Error"]).toMatch(/^[ -~]+$/);
  });

  test("is told which verbs there are", async () => {
    const { ask } = await serviceWith([chain(1)]);
    for (const verb of ["strat", "start.a.b", "status.order", "toString", ""]) {
      expect(await ask(verb)).toMatchObject({
        error: { code: "not_found", details: { verb, verbs: VERB_NAMES } },
      });
    }
  });

  test("is refused where it is not JSON", async () => {
    const { transport } = await serviceWith([chain(1)]);
    const { body } = await transport.send("floxide.api.status", "{runId:");
    expect(body).toMatchObject({ error: { code: "validation" } });
  });

  test("is told each field that does not fit", async () => {
    const { ask } = await serviceWith([chain(1)]);
    expect(await ask("wait", { runId: "", timeoutMs: "long" })).toMatchObject({
      error: {
        code: "validation",
        details: { issues: [{ path: "runId" }, { path: "timeoutMs" }] },
      },
    });
    expect(await ask("start", { workflow: "chain" })).toMatchObject({
      error: { message: expect.stringContaining("input: is missing") },
    });
  });

  test("is told both sizes where the reply would be too large", async () => {
    const { ask, transport } = await serviceWith([chain(1)]);
    transport.maxReplyBytes = 20;
    expect(await ask("list", {})).toMatchObject({
      error: { code: "payload_too_large", details: { bytes: 26, limit: 20 } },
    });
  });

  test("learns nothing of a fault of the service but that its log knows", async () => {
    const error = vi.fn();
    const { ask, orchestrator } = await serviceWith([chain(1)], {
      log: { ...silentLogger, error },
    });
    vi.spyOn(orchestrator, "backlog").mockRejectedValue(new TypeError("secret"));
    expect(await ask("backlog")).toEqual({
      error: {
        code: "internal",
        message: "the service could not answer: its log says why",
        details: {},
      },
    });
    expect(error).toHaveBeenCalledOnce();
  });
});

test("takes an empty body for an empty request", async () => {
  const { transport } = await serviceWith([chain(1)]);
  expect((await transport.send("floxide.api.list", "")).body).toEqual({ items: [], cursor: null });
});

describe("under load", () => {
  test("refuses what is too much, at once, and takes it again later", async () => {
    const { ask, orchestrator } = await serviceWith([chain(1)], { maxInFlight: 1 });
    let release = (): void => {};
    vi.spyOn(orchestrator, "backlog").mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          release = () => resolve([]);
        }),
    );
    const first = ask("backlog");
    expect(await ask("list")).toMatchObject({
      error: { code: "backend", details: { busy: true } },
    });
    release();
    expect(await first).toEqual({ backlog: [] });
    expect(await ask("list")).toMatchObject({ items: [] });
  });

  test("lets work in while many wait", async () => {
    const { ask } = await serviceWith([approval], { maxInFlight: 1, maxWaiting: 2 });
    await ask("start", held);
    const waits = [ask("wait", { runId: "r1" }), ask("wait", { runId: "r1" })];
    expect(await ask("wait", { runId: "r1" })).toMatchObject({ error: { code: "backend" } });
    expect(await ask("cancel", { runId: "r1" })).toEqual({ runId: "r1" });
    expect(await Promise.all(waits)).toMatchObject([
      { status: "cancelled" },
      { status: "cancelled" },
    ]);
  });
});

describe("stopping", () => {
  test("tells those who wait to ask another service", async () => {
    const { ask, service } = await serviceWith([approval]);
    await ask("start", held);
    const waiting = ask("wait", { runId: "r1" });
    await service.stop();
    expect(await waiting).toMatchObject({
      error: { code: "backend", message: expect.stringContaining("ask again") },
    });
  });

  test("answers what is in work, and takes nothing new", async () => {
    const { ask, service, orchestrator } = await serviceWith([chain(1)]);
    let release = (): void => {};
    vi.spyOn(orchestrator, "backlog").mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          release = () => resolve([]);
        }),
    );
    const first = ask("backlog");
    const stopping = service.stop();
    await eventually(() => expect(ask("list")).rejects.toThrow("nobody listens"));
    release();
    expect(await first).toEqual({ backlog: [] });
    await stopping;
    await expect(service.start()).rejects.toMatchObject({ code: "illegal_state" });
  });
});

test("leaves nothing behind where it may not listen", async () => {
  const { orchestrator } = await serviceWith([chain(1)]);
  const transport = new FakeTransport();
  transport.forbidden = "$SRV.PING";
  const service = new Service({
    orchestrator,
    workflows: [],
    transport,
    namespace: "floxide",
    subjectOf: (verb) => `floxide.api.${verb}`,
    version: "1.0.0",
  });
  await expect(service.start()).rejects.toThrow("$SRV.PING");
  expect(transport.subjects).toEqual([]);
});

test("names the option that does not fit", async () => {
  await expect(serviceWith([chain(1)], { maxInFlight: 0 })).rejects.toMatchObject({
    code: "definition",
    message: expect.stringContaining("maxInFlight"),
  });
});

describe("discovery", () => {
  test("answers on the subjects of ADR-32: all, of this name, of this id", async () => {
    const { service, transport } = await serviceWith([chain(1)]);
    const { id } = service.identity;
    expect(transport.subjects).toEqual([
      ...["PING", "INFO", "STATS"].flatMap((kind) => [
        `$SRV.${kind}`,
        `$SRV.${kind}.floxide-api`,
        `$SRV.${kind}.floxide-api.${id}`,
      ]),
      "floxide.api.>",
    ]);
    const { body } = await transport.send(`$SRV.PING.floxide-api.${id}`, "");
    expect(body).toEqual({
      type: "io.nats.micro.v1.ping_response",
      name: "floxide-api",
      id,
      version: "1.2.3",
      metadata: { namespace: "floxide", orchestratorId: expect.any(String) },
    });
  });

  test("tells each verb's subject, and the schema of its request", async () => {
    const { transport } = await serviceWith([chain(1)]);
    const { body } = await transport.send("$SRV.INFO", "");
    const { endpoints, ...info } = body as { endpoints: { name: string }[] };
    expect(info).toMatchObject({ type: "io.nats.micro.v1.info_response", name: "floxide-api" });
    expect(endpoints.map(({ name }) => name)).toEqual(VERB_NAMES);
    expect(endpoints[0]).toMatchObject({ subject: "floxide.api.start", queue_group: "q" });
  });

  test("counts requests and errors by verb", async () => {
    const { ask, transport } = await serviceWith([chain(1)]);
    await ask("list");
    await ask("list", { limit: 0 });
    const { body } = await transport.send("$SRV.STATS", "");
    const { endpoints } = body as { endpoints: { name: string }[] };
    expect(endpoints.find(({ name }) => name === "list")).toMatchObject({
      num_requests: 2,
      num_errors: 1,
      last_error: expect.stringMatching(/^validation: /),
      processing_time: expect.any(Number),
      average_processing_time: expect.any(Number),
    });
  });
});

describe("the repair loop", () => {
  function loop(repair: () => Promise<unknown>, everyMs = 100) {
    vi.useFakeTimers();
    const error = vi.fn();
    const made = new RepairLoop({
      repair,
      everyMs,
      clock: { ...systemClock, random: () => 0.5 },
      log: { ...silentLogger, error },
    });
    onTestFinished(async () => {
      await made.stop();
      vi.useRealTimers();
    });
    made.start();
    return { made, error };
  }

  test("looks again after each look, also after one that failed", async () => {
    const repair = vi.fn().mockRejectedValueOnce(new Error("no server")).mockResolvedValue({});
    const { error } = loop(repair);
    await vi.advanceTimersByTimeAsync(99);
    expect(repair).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(error).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(300);
    expect(repair).toHaveBeenCalledTimes(4);
  });

  test("never looks twice at a time", async () => {
    let release = (): void => {};
    const repair = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    loop(repair);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(repair).toHaveBeenCalledTimes(1);
    release();
  });

  test("looks never where the interval is zero, and no more once stopped", async () => {
    const repair = vi.fn().mockResolvedValue({});
    loop(repair, 0);
    const { made } = loop(repair);
    await made.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(repair).not.toHaveBeenCalled();
  });
});
