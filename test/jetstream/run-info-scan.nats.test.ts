import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { expect, it } from "vitest";
import type { RunScan } from "../../src/core/ports/stores.ts";
import { infoOf } from "../conformance/fixtures.ts";
import { startTestServer } from "../support/nats-server.ts";
import { opened } from "./support.ts";

it("takes a run for misfiled that stands under two statuses, and one that cannot be read", async () => {
  await using server = await startTestServer();
  await using one = await opened({ servers: server.url, namespace: "scan" });
  const { runs } = one.backend;
  for (const runId of ["right", "twice", "broken"]) await runs.create(infoOf(runId));
  const rollup = headers();
  rollup.set("Nats-Rollup", "sub");
  const js = jetstream(one.backend.connection);
  const put = (key: string, body: object | string) =>
    js.publish(`$KV.scan-runs.orders.${key}`, JSON.stringify(body), { headers: rollup });
  await put("completed.twice", infoOf("twice", { status: "completed" }));
  await put("running.broken", "no info");
  const infos = ["right", "twice", "broken"].map((runId) => infoOf(runId));
  expect(await runs.misfiled(infos)).toEqual(new Set(["twice", "broken"]));
});

it("scans past what is gone, without an end in between", async () => {
  await using server = await startTestServer();
  await using one = await opened({ servers: server.url, namespace: "scan" });
  const { runs } = one.backend;
  for (let i = 0; i < 12; i++) await runs.create(infoOf(`r-${i}`));
  // Markers that stay: those of the store go after some seconds.
  const removal = headers();
  removal.set("Nats-Rollup", "sub");
  removal.set("KV-Operation", "PURGE");
  const js = jetstream(one.backend.connection);
  for (let i = 0; i < 11; i++) {
    await js.publish(`$KV.scan-runs.orders.running.r-${i}`, "", { headers: removal });
  }
  const parts: string[][] = [];
  for (let from: RunScan["next"] = null, more = true; more; more = from !== null) {
    const part: RunScan = await runs.scan("running", from, 3);
    parts.push(part.infos.map(({ runId }) => runId));
    from = part.next;
  }
  // Eleven markers of those that have ended follow the one that goes on.
  expect(parts).toEqual([["r-11"], [], [], []]);
});
