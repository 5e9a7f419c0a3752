import { writeFileSync } from "node:fs";
import { nkeys } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  type JetStreamOptions,
  OrchestratorService,
} from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { startTestServer } from "../support/nats-server.ts";
import { Operator } from "./jwt.ts";
import { type Certificate, Pki } from "./pki.ts";
import { shell } from "./shell.ts";

const workflows = [chain(1)];
const SECRET = "s3cret-word";
/** How long a server waits for a handshake, in seconds: this machine may be busy. */
const PATIENT_S = 20;
const decoder = new TextDecoder();

let pki: Pki;
beforeAll(() => {
  pki = new Pki();
  return () => pki[Symbol.dispose]();
});

/** Every kind of process connects, and a run goes through. */
async function worksWith(options: JetStreamOptions): Promise<void> {
  await using service = await OrchestratorService.connect({ ...options, workflows });
  await service.start();
  await using worker = await DistributedWorker.connect({ ...options, workflows, graceMs: 0 });
  await worker.start();
  await using orchestrator = await DistributedOrchestrator.connect({ ...options, workflows });
  const runId = await orchestrator.startRun("chain", 1);
  expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ output: 2 });
}

/** Refused with one line that holds no secret, by the library and the command line. */
async function refused(
  options: JetStreamOptions,
  said: RegExp,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const failed = await DistributedOrchestrator.connect(options).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "backend", message: said });
  const { code, out, err } = await shell(["list", ...args], env);
  expect({ code, out }).toEqual({ code: 6, out: "" });
  expect(err).toMatch(said);
  expect(err).toMatch(/^floxide: [^\n]*\n$/);
  expect(`${err}${(failed as Error).stack}`).not.toContain(SECRET);
}

const REFUSED = /NATS refused the credentials/;

// Each has a server of its own.
describe.concurrent("a login", () => {
  test("by user and password", async () => {
    await using server = await startTestServer({
      settings: { jetstream: {}, authorization: { user: "me", password: SECRET } },
    });
    const { url: servers } = server;
    await worksWith({ servers, user: "me", pass: SECRET });
    const wrong = { servers, user: "me", pass: `${SECRET}!` };
    await refused(wrong, REFUSED, ["--server", servers, "--user", "me", "--pass", `${SECRET}!`]);
    const env = { NATS_URL: servers, NATS_USER: "me", NATS_PASSWORD: SECRET };
    expect(await shell(["list"], env)).toMatchObject({ code: 0 });
    const inUrl = servers.replace("//", `//me:${SECRET}@`);
    expect(await shell(["list", "--server", inUrl])).toMatchObject({ code: 0 });
    await refused({ servers }, REFUSED, [], { NATS_URL: servers });
  });

  test("by token", async () => {
    await using server = await startTestServer({
      settings: { jetstream: {}, authorization: { token: SECRET } },
    });
    const { url: servers } = server;
    await worksWith({ servers, token: SECRET });
    await refused({ servers, token: `${SECRET}!` }, REFUSED, ["--server", servers], {
      NATS_TOKEN: `${SECRET}!`,
    });
    const env = { NATS_URL: servers, NATS_TOKEN: SECRET };
    expect(await shell(["list"], env)).toMatchObject({ code: 0 });
  });

  test("by nkey", async () => {
    const [user, other] = [nkeys.createUser(), nkeys.createUser()];
    const nkeyFile = pki.file("user.nk", `${decoder.decode(user.getSeed())}\n`);
    const wrong = pki.file("other.nk", decoder.decode(other.getSeed()));
    await using server = await startTestServer({
      settings: { jetstream: {}, authorization: { users: [{ nkey: user.getPublicKey() }] } },
    });
    const { url: servers } = server;
    await worksWith({ servers, nkeyFile });
    await refused({ servers, nkeyFile: wrong }, REFUSED, ["--server", servers, "--nkey", wrong]);
    const env = { NATS_URL: servers, NATS_NKEY: nkeyFile };
    expect(await shell(["list"], env)).toMatchObject({ code: 0 });
  });

  test("by credentials of an operator's account", async () => {
    const operator = new Operator();
    const credsFile = pki.file("user.creds", operator.credentials("user"));
    const wrong = pki.file("other.creds", new Operator().credentials("user"));
    await using server = await startTestServer({
      settings: { jetstream: {}, ...operator.settings },
    });
    const { url: servers } = server;
    await worksWith({ servers, credsFile });
    await refused({ servers, credsFile: wrong }, REFUSED, ["--server", servers, "--creds", wrong]);
    const env = { NATS_URL: servers, NATS_CREDS: credsFile };
    expect(await shell(["list"], env)).toMatchObject({ code: 0 });
  });

  test("by a file that is replaced goes on with what is in it when the connection comes back", async () => {
    const seeds = [nkeys.createUser(), nkeys.createUser()];
    const [first = "", second = ""] = seeds.map((user) => decoder.decode(user.getSeed()));
    const users = seeds.map((user) => ({ nkey: user.getPublicKey() }));
    const nkeyFile = pki.file("replaced.nk", first);
    await using server = await startTestServer({
      settings: { jetstream: {}, authorization: { users } },
    });
    await using orchestrator = await DistributedOrchestrator.connect({
      servers: server.url,
      nkeyFile,
    });
    const lookups = async () => {
      expect(await orchestrator.listRuns()).toMatchObject({ items: [] });
    };
    await lookups();
    writeFileSync(nkeyFile, "half of a see");
    await server.restart();
    await eventually(lookups);
    writeFileSync(nkeyFile, second);
    await server.restart();
    await eventually(lookups);
  });

  test.each([
    ["nkeyFile", "--nkey", "the seed of the nkey"],
    ["credsFile", "--creds", "the credentials"],
  ] as const)(
    "by a %s that cannot be used says which, and not what is in it",
    async (option, flag, what) => {
      const broken = pki.file("broken", SECRET);
      for (const [path, why] of [
        [broken, "it does not hold what it should"],
        [`${broken}.gone`, "there is no such file"],
      ] as const) {
        const message = `${what} cannot be read from ${path}: ${why}`;
        await expect(
          DistributedOrchestrator.connect({ servers: "nowhere:1", [option]: path }),
        ).rejects.toMatchObject({ code: "validation", message });
        expect(await shell(["list", flag, path])).toEqual({
          code: 2,
          out: "",
          err: `floxide: ${message}\n`,
        });
      }
    },
  );

  test("is by one way only", async () => {
    const options = { servers: "nowhere:1", user: "u", token: SECRET };
    const failed = await DistributedOrchestrator.connect(options).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "validation", message: /give one of user, token/ });
    expect((failed as Error).message).not.toContain(SECRET);
  });
});

test.concurrent("mutual TLS lets in who has a certificate of the right CA", async () => {
  const authority = await pki.authority("clients");
  const served = await pki.issue(authority, "mutual", "IP:127.0.0.1");
  const client = await pki.issue(authority, "client", "DNS:client");
  const stranger = await pki.issue(await pki.authority("strangers"), "stranger", "DNS:stranger");
  const caFile = authority.certFile;
  await using server = await startTestServer({
    settings: {
      jetstream: {},
      tls: {
        cert_file: served.certFile,
        key_file: served.keyFile,
        ca_file: caFile,
        verify: true,
        timeout: PATIENT_S,
      },
    },
  });
  const { url: servers } = server;
  await worksWith({ servers, tls: { caFile, ...client } });
  const flags = (one: typeof client) => [
    ...["--server", servers, "--tls-ca", caFile],
    ...["--tls-cert", one.certFile, "--tls-key", one.keyFile],
  ];
  expect(await shell(["list", ...flags(client)])).toMatchObject({ code: 0 });
  const env = {
    NATS_URL: servers,
    NATS_CA: caFile,
    NATS_CERT: client.certFile,
    NATS_KEY: client.keyFile,
  };
  expect(await shell(["list"], env)).toMatchObject({ code: 0 });
  const said = /the server refuses TLS with this client: it wants a certificate/;
  const options = { servers, connectTimeoutMs: 500 };
  await refused({ ...options, tls: { caFile } }, said, flags(stranger));
  await expect(
    DistributedOrchestrator.connect({ ...options, tls: { caFile, ...stranger } }),
  ).rejects.toMatchObject({ code: "backend", message: said });
});

describe("TLS", () => {
  let server: NatsServer;
  let servers: string;
  let authority: Certificate;
  let caFile: string;
  let foreignCa: string;

  beforeAll(async () => {
    authority = await pki.authority("ca");
    caFile = authority.certFile;
    foreignCa = (await pki.authority("foreign-ca")).certFile;
    const { certFile, keyFile } = await pki.issue(
      authority,
      "server",
      "IP:127.0.0.1,DNS:localhost",
    );
    server = await startTestServer({
      settings: {
        jetstream: {},
        tls: { cert_file: certFile, key_file: keyFile, timeout: PATIENT_S },
      },
    });
    servers = server.url;
  });
  afterAll(() => server.stop());

  test("is used with the CA that is given", async () => {
    await worksWith({ servers, tls: { caFile } });
    const env = { NATS_URL: servers, NATS_CA: caFile };
    expect(await shell(["list"], env)).toMatchObject({ code: 0 });
    expect(await shell(["list", "--server", servers, "--tls-ca", caFile])).toMatchObject({
      code: 0,
    });
  });

  test("is refused where the CA is another one, or none", async () => {
    const said = /does not trust the certificate of the server/;
    const tls = { caFile: foreignCa };
    await refused({ servers, tls }, said, ["--server", servers, "--tls-ca", foreignCa]);
    await refused({ servers }, said, ["--server", servers]);
  });

  test("is refused where the certificate is for another address", async () => {
    const said = /certificate of the server is not for this address/;
    // The client asks for "localhost" where it was given an IP address.
    for (const name of ["DNS:localhost", "IP:127.0.0.9"]) {
      const { certFile, keyFile } = await pki.issue(authority, "elsewhere", name);
      await using other = await startTestServer({
        settings: {
          jetstream: {},
          tls: { cert_file: certFile, key_file: keyFile, timeout: PATIENT_S },
        },
      });
      const args = ["--server", other.url, "--tls-ca", caFile];
      await refused({ servers: other.url, tls: { caFile } }, said, args);
    }
  });

  test("is used with a server that is known by its name", async () => {
    await worksWith({ servers: servers.replace("127.0.0.1", "localhost"), tls: { caFile } });
  });

  test("is demanded of a server by the option, and by the scheme of its address", async () => {
    await using plain = await startTestServer();
    const said = /the server offers no TLS/;
    await refused({ servers: plain.url, tls: {} }, said, [
      "--server",
      plain.url,
      "--tls-ca",
      caFile,
    ]);
    const scheme = plain.url.replace("nats:", "tls:");
    await refused({ servers: scheme }, said, ["--server", scheme]);
  });

  test("says which file cannot be used", async () => {
    const broken = pki.file("broken.pem", SECRET);
    const failing = (tls: JetStreamOptions["tls"]) =>
      DistributedOrchestrator.connect({ servers, tls });
    await expect(failing({ caFile: `${broken}.gone` })).rejects.toMatchObject({
      code: "validation",
      message: `the certificate of the CA cannot be read from ${broken}.gone: there is no such file`,
    });
    await expect(failing({ caFile, certFile: caFile, keyFile: broken })).rejects.toMatchObject({
      code: "validation",
      message:
        /^the key of the certificate cannot be read from .*broken.pem: it holds no PEM block/,
    });
    await expect(failing({ certFile: caFile })).rejects.toMatchObject({
      code: "validation",
      message: /tls: certFile and keyFile go together/,
    });
  });
});
