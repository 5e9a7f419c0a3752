import { jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, PermissionViolationError } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { permissionsOf } from "../../src/jetstream/permissions.ts";
import { eventually } from "../support/eventually.ts";
import { PUBLISHES, type Row, SUBSCRIPTIONS, USERS, type User } from "./matrix.ts";
import { GuardedServer } from "./support.ts";

const names = Object.keys(USERS) as User[];
/** JetStream refuses it as no request, so that what is allowed has no effect. */
const NO_REQUEST = "{";

let guarded: GuardedServer;
let made: readonly object[];
beforeAll(async () => {
  guarded = await GuardedServer.start(names.map((user) => ({ user, ...USERS[user] })));
  const backend = guarded.closing(await openJetStreamBackend(guarded.as("admin")));
  await Promise.all(["order", "other"].map((workflow) => backend.queue.prepare(workflow)));
  made = await configurations(await guarded.plain());
  expect(made).toHaveLength(9 + 4);
});
afterAll(() => guarded[Symbol.asyncDispose]());

const allowed = (rows: readonly Row[], user: User): readonly string[] =>
  rows.filter(([, who]) => who.includes(user)).map(([subject]) => subject);

describe.each(names)("a NATS user that is %s", (user) => {
  test("publishes what the table says, and is refused all else", async () => {
    const nc = await guarded.plain(user);
    const before = await lastSequences(await guarded.plain());
    const refused = await refusedOf(nc, "publish", () => {
      for (const [subject] of PUBLISHES) nc.publish(subject, NO_REQUEST);
    });
    const subjects = PUBLISHES.map(([subject]) => subject);
    expect(subjects.filter((subject) => !refused.has(subject))).toEqual(allowed(PUBLISHES, user));
    // Who goes through the API has left nothing behind anywhere.
    const { publish } = permissionsOf(USERS[user]).permissions;
    const isApiOnly = publish.every((subject) => /^(floxide\.api\.|\$SRV\.)/.test(subject));
    expect(isApiOnly).toBe(["starter", "observer", "operator"].includes(user));
    if (isApiOnly) expect(await lastSequences(await guarded.plain())).toEqual(before);
  });

  test("listens to what the table says, and is refused all else", async () => {
    const nc = await guarded.plain(user);
    const refused = await refusedOf(nc, "subscription", () => {
      for (const [subject] of SUBSCRIPTIONS) nc.subscribe(subject, { callback: () => {} });
    });
    const subjects = SUBSCRIPTIONS.map(([subject]) => subject);
    expect(subjects.filter((subject) => !refused.has(subject))).toEqual(
      allowed(SUBSCRIPTIONS, user),
    );
  });
});

test("streams and consumers are still there, none changed", async () => {
  expect(await configurations(await guarded.plain())).toEqual(made);
});

/** Subjects that the server refuses while something is done. It says so in the order of the protocol. */
async function refusedOf(
  nc: NatsConnection,
  operation: "publish" | "subscription",
  act: () => void,
): Promise<ReadonlySet<string>> {
  const refused = new Set<string>();
  const statuses = nc.status();
  void (async () => {
    for await (const status of statuses) {
      if (status.type !== "error") continue;
      const { error } = status;
      if (error instanceof PermissionViolationError && error.operation === operation)
        refused.add(error.subject);
    }
  })();
  act();
  await nc.flush();
  // The refusal of this one comes after those of all before it.
  nc.publish("the.end", "");
  await eventually(() => {
    if (operation === "publish") expect(refused).toContain("the.end");
  });
  await nc.flush();
  return refused;
}

async function configurations(nc: NatsConnection): Promise<readonly object[]> {
  const jsm = await jetstreamManager(nc);
  const streams = await jsm.streams.list().next();
  const consumers = await jsm.consumers.list("floxide-work").next();
  return [...streams, ...consumers].map(({ config }) => config);
}

async function lastSequences(nc: NatsConnection): Promise<readonly number[]> {
  const jsm = await jetstreamManager(nc);
  const streams = await jsm.streams.list().next();
  return streams.map(({ state }) => state.last_seq);
}
