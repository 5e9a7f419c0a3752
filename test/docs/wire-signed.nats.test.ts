// A publisher of signed start requests as docs/wire.md describes it, with node:crypto and the bare NATS client only: what is
// above the line could be in any language.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** Names a key. */
function keyIdOf(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return base64url(createHash("sha256").update(spki.subarray(-32)).digest()).slice(0, 16);
}

/** The headers of a signed start request. */
function signedHeaders(
  privateKey: KeyObject,
  subject: string,
  body: string,
  runId: string,
  signedAt = new Date().toISOString(),
): MsgHdrs {
  const text = `floxide-signature-1\n${subject}\n${signedAt}\n\n${body}`;
  const signature = base64url(sign(null, Buffer.from(text, "utf8"), privateKey));
  const sent = headers();
  sent.set("Floxide-Signed-At", signedAt);
  sent.set("Floxide-Signature", `${keyIdOf(privateKey)}.${signature}`);
  sent.set("Nats-Msg-Id", `${runId}.${signature.slice(0, 22)}`);
  return sent;
}

// ----------------------------------------------------------------------------------------------------------------------

import { DistributedOrchestrator, DistributedWorker } from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { newKeyPair } from "../../src/jetstream/signing-keys.ts";
import { eventually } from "../support/eventually.ts";
import { fanOut } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";
import { pageAt } from "./pages.ts";

const SUBJECT = "floxide.start.fan-out";
const workers = newKeyPair();
const shop = newKeyPair();
const shopKey = createPrivateKey(shop.privateKey);

let server: NatsServer;
let nc: NatsConnection;
let orchestrator: DistributedOrchestrator;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startTestServer();
  const keys = {
    signingKey: workers.privateKey,
    trustedKeys: [workers.publicKey, shop.publicKey],
  };
  const settings = { servers: server.url, workflows: [fanOut], ...keys };
  const worker = await DistributedWorker.connect(settings);
  stops.push(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  orchestrator = await DistributedOrchestrator.connect(settings);
  stops.push(() => orchestrator.close());
  nc = await connect({ servers: server.url });
  stops.push(() => nc.close());
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  await server.stop();
});

const publish = async (body: string, sent?: MsgHdrs) =>
  (await nc.request(SUBJECT, body, { timeout: 5_000, ...(sent && { headers: sent }) })).json<{
    seq: number;
    duplicate?: boolean;
  }>();

describe("a start request that is signed as the page says", () => {
  test("is executed, and known when it is published again", async () => {
    const body = '{ "runId": "größe/1",\n  "input": 3 }\n';
    const sent = signedHeaders(shopKey, SUBJECT, body, "shop-1");
    const { seq } = await publish(body, sent);
    expect(await publish(body, sent)).toMatchObject({ seq, duplicate: true });
    await eventually(async () => expect(await orchestrator.status("größe/1")).toBe("completed"));
    expect(await orchestrator.result("größe/1")).toEqual({ sum: 6, inOrder: true });
    // Long after: signed anew it is still the same run.
    await publish(body, signedHeaders(shopKey, SUBJECT, body, "shop-1-again"));
    await eventually(async () => expect(await orchestrator.backlog()).toMatchObject([IDLE]));
    expect(await orchestrator.deadLetters()).toEqual([]);
    expect(await orchestrator.metrics("größe/1")).toMatchObject({ completed: 5 });
  });

  test("becomes a dead letter where anything of it is not so", async () => {
    const body = '{"runId":"not-so","input":1}';
    const bare = '{"input":1}';
    const old = new Date(Date.now() - 3_700_000).toISOString();
    await publish(body);
    await publish(`${body} `, signedHeaders(shopKey, SUBJECT, body, "a"));
    await publish(body, signedHeaders(shopKey, "floxide.start.order", body, "b"));
    await publish(bare, signedHeaders(shopKey, SUBJECT, bare, "c"));
    await publish(body, signedHeaders(shopKey, SUBJECT, body, "d", old));
    await publish(
      body,
      signedHeaders(createPrivateKey(newKeyPair().privateKey), SUBJECT, body, "e"),
    );
    const letters = await eventually(async () => {
      const found = await orchestrator.deadLetters();
      expect(found).toHaveLength(6);
      return found;
    });
    for (const letter of letters) expect(letter).toMatchObject({ code: "untrusted", runId: null });
    expect(letters.map(({ reason }) => reason).sort()).toEqual([
      expect.stringMatching(/^it does not name its run/),
      expect.stringMatching(/^it is not signed/),
      expect.stringMatching(/^it is signed with the key/),
      expect.stringMatching(/^it was signed at/),
      expect.stringMatching(/^its signature does not fit/),
      expect.stringMatching(/^its signature does not fit/),
    ]);
    await expect(orchestrator.status("not-so")).rejects.toMatchObject({ code: "not_found" });
  });
});

const IDLE = { workflow: "fan-out", starts: 0, items: 0, inFlight: 0 };

test("the page's example is right", () => {
  const fence = pageAt("docs/wire.md").fences.find(({ label }) => label === "signed-start");
  const shown = JSON.parse(fence?.code ?? "") as Record<string, string>;
  const { keyId, subject = "", signedAt = "", body = "", signature = "" } = shown;
  // What stands before the 32 bytes of a private Ed25519 key in PKCS #8. Source: RFC 8410.
  const der = Buffer.from(`302e020100300506032b657004220420${shown["privateKey"]}`, "hex");
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  expect(spki.subarray(-32).toString("hex")).toBe(shown["publicKey"]);
  expect(keyIdOf(key)).toBe(keyId);
  const sent = signedHeaders(key, subject, body, "order-4711", signedAt);
  expect(sent.get("Floxide-Signature")).toBe(`${keyId}.${signature}`);
});
