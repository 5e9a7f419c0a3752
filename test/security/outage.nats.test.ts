import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import type { JetStreamOptions } from "../../src/jetstream/options.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { Pki } from "./pki.ts";
import { keepingLogger } from "./support.ts";

// Why a connection does not come back is said by name, and not again at each try.

let pki: Pki;
beforeAll(() => {
  pki = new Pki();
  return () => pki[Symbol.dispose]();
});

/** A client of a server that starts again with other settings whenever the test wants it. */
async function connected(
  name: string,
  settings: object,
  options: (url: string) => JetStreamOptions,
) {
  const configFile = join(pki.folder, `${name}.conf`);
  const configure = (wanted: object): void => writeFileSync(configFile, JSON.stringify(wanted));
  configure(settings);
  const server = await startTestServer({ configFile });
  const logger = keepingLogger();
  const backend = await openJetStreamBackend({
    ...options(server.url),
    logger,
    connectionOptions: { reconnectTimeWait: 50, reconnectJitter: 0 },
  });
  let tries = 0;
  void (async () => {
    for await (const { type } of backend.connection.status()) if (type === "reconnecting") tries++;
  })();
  return {
    server,
    tries: () => tries,
    restart: (wanted: object) => {
      configure(wanted);
      return server.restart();
    },
    /** Lines of the log with this text. */
    said: (text: string) =>
      logger
        .text()
        .split("\n")
        .filter((line) => line.includes(text)),
    async [Symbol.asyncDispose]() {
      await backend.close();
      await server.stop();
    },
  };
}

const STAYS_AWAY = "NATS connection does not come back";
const user = (password: string) => ({ authorization: { user: "u", password } });

describe.concurrent("a connection that does not come back", () => {
  test("says once that it is lost, and once that it is refused", async () => {
    await using client = await connected("refused", {}, (servers) => ({ servers }));
    await client.server.kill();
    await eventually(() => expect(client.said(STAYS_AWAY)).toHaveLength(1));
    const before = client.tries();
    await eventually(() => expect(client.tries()).toBeGreaterThan(before + 20));
    expect(client.said(STAYS_AWAY)).toEqual([
      expect.stringMatching(/^warn .*"reason":"the connection is refused"/),
    ]);
    await client.server.restart();
    await eventually(() => expect(client.said("NATS connection is back")).toHaveLength(1));
    expect(client.said("NATS connection lost")).toHaveLength(1);
  });

  test("says once that the server refuses the login, without a stack", async () => {
    const options = (servers: string) => ({ servers, user: "u", pass: "a" });
    await using client = await connected("login", user("a"), options);
    await client.restart(user("b"));
    const refused = () => client.said(STAYS_AWAY).filter((line) => /authorization/i.test(line));
    await eventually(() => expect(refused()).toHaveLength(1));
    const before = client.tries();
    await eventually(() => expect(client.tries()).toBeGreaterThan(before + 10));
    expect(refused()).toHaveLength(1);
    expect(client.said("    at ")).toEqual([]);
    expect(client.said("NATS connection lost")).toHaveLength(1);
    expect(client.said("something is wrong")).toEqual([]);
    await client.restart(user("a"));
    await eventually(() => expect(client.said("NATS connection is back")).toHaveLength(1));
  });

  test("says that TLS fails, where the server has a certificate of another CA", async () => {
    const [known, other] = [await pki.authority("known"), await pki.authority("other")];
    const tlsOf = ({ certFile, keyFile }: typeof known) => ({
      tls: { cert_file: certFile, key_file: keyFile },
    });
    const good = await pki.issue(known, "good", "IP:127.0.0.1");
    const bad = await pki.issue(other, "bad", "IP:127.0.0.1");
    const options = (servers: string) => ({ servers, tls: { caFile: known.certFile } });
    await using client = await connected("tls", tlsOf(good), options);
    await client.restart(tlsOf(bad));
    const failing = () => client.said("the server answers, but TLS with it fails");
    await eventually(() => expect(failing()).toHaveLength(1), { withinMs: 20_000 });
    expect(client.said("NATS connection lost")).toHaveLength(1);
  });
});
