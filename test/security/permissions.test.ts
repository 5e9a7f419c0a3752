import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toServerConfig, toServerUser } from "../../src/jetstream/permissions/server-config.ts";
import {
  READING_VERBS,
  STARTING_VERBS,
  STEERING_VERBS,
} from "../../src/jetstream/permissions/verbs.ts";
import { permissionsOf, ROLE_NAMES, type UserRequest } from "../../src/jetstream/permissions.ts";
import { VERB_NAMES } from "../../src/service/verbs.ts";
import { Shell } from "../cli/fake-io.ts";
import { pageAt, ROOT } from "../docs/pages.ts";

const ORDER = { workflows: ["order"] } as const;

test("every verb of the API reads, steers or starts", () => {
  const sorted = [...READING_VERBS, ...STEERING_VERBS, ...STARTING_VERBS].sort();
  expect(sorted).toEqual([...VERB_NAMES].sort());
});

describe("permissions", () => {
  test.each(ROLE_NAMES)(
    "of %s are of one namespace, in subjects that NATS takes, each once",
    (role) => {
      for (const direct of [false, true]) {
        const { publish, subscribe } = permissionsOf({
          role,
          namespace: "elsewhere",
          direct,
        }).permissions;
        for (const subjects of [publish, subscribe]) {
          expect(new Set(subjects).size).toBe(subjects.length);
          for (const subject of subjects) {
            expect(subject).toMatch(/^[\w$*-]+(?:\.[\w$*-]+)*(?:\.>)?$/);
            expect(subject).toMatch(/elsewhere|^\$SRV\.(PING|INFO|STATS)$|^_INBOX_/);
          }
        }
        expect(subscribe).toContain(`_INBOX_${role}.>`);
      }
    },
  );

  test.each([
    [{ role: "observer", workflows: ["order"] }, /a whole namespace: only starter and worker/],
    [{ role: "worker", workflows: [] }, /workflows: names one workflow or more/],
    [{ role: "worker", workflows: ["a.b"] }, /workflows\.0: must be 1 to 64 letters/],
    [{ role: "worker", workflows: ["*"] }, /workflows\.0/],
    [{ role: "worker", user: ">" }, /user: must be/],
    [{ role: "worker", namespace: "a b" }, /namespace: must be/],
    [{ role: "king" }, /role/],
  ])("cannot be made of %j", (request, said) => {
    expect(() => permissionsOf(request as UserRequest)).toThrow(
      expect.objectContaining({ code: "validation", message: expect.stringMatching(said) }),
    );
  });
});

describe("the command line", () => {
  test("prints an entry for nats-server.conf", async () => {
    const { code, out } = await new Shell().run(
      ...["permissions", "starter", "--workflow", "order, refund", "--user", "shop"],
      ...["--namespace", "ns"],
    );
    expect(code).toBe(0);
    expect(out).toBe(`# starter in namespace "ns" of order, refund: starts runs, through the API.
# Its client needs the inbox prefix _INBOX_shop. The password is a hash: nats server passwd.
{
  user: "shop"
  password: "$2a$11$..."
  permissions: {
    publish: [
      "ns.api.start.order"
      "ns.api.start.refund"
    ]
    subscribe: [
      "_INBOX_shop.>"
    ]
  }
}
`);
  });

  test("prints the same as JSON", async () => {
    const made = permissionsOf({ role: "worker", ...ORDER });
    expect(await new Shell().json("permissions", "worker", "--workflow", "order")).toEqual({
      role: "worker",
      summary: "executes work",
      namespace: "floxide",
      partitions: null,
      workflows: ["order"],
      direct: true,
      inboxPrefix: "_INBOX_worker",
      user: toServerUser(made),
    });
  });

  test("grants the same in each partition of a system", async () => {
    const { user, partitions } = permissionsOf({
      role: "starter",
      namespace: "app",
      partitions: 2,
    });
    const one = permissionsOf({ role: "starter", namespace: "app-1" }).permissions.publish;
    const { publish } = permissionsOf({
      role: "starter",
      namespace: "app",
      partitions: 2,
    }).permissions;
    expect({ user, partitions }).toEqual({ user: "starter", partitions: 2 });
    expect(publish.filter((subject) => subject.startsWith("app-1."))).toEqual(one);
    expect(publish.filter((subject) => subject.startsWith("app-0."))).toHaveLength(one.length);
    const { out } = await new Shell().run("permissions", "worker", "--partitions", "3");
    expect(out).toContain('# worker in namespace "floxide" on 3 partitions: ');
    expect(out).toContain("$KV.floxide-2-context.");
    expect(out).not.toContain("$KV.floxide-3-context.");
  });

  test("names the user as the option says, and not as the environment logs in", async () => {
    const shell = new Shell({ env: { NATS_USER: "me", FLOXIDE_NAMESPACE: "ns" } });
    expect(await shell.json("permissions", "observer")).toMatchObject({
      namespace: "ns",
      user: { user: "observer" },
    });
  });

  test("refuses what there is not", async () => {
    const { code, err } = await new Shell().run("permissions", "king");
    expect(code).toBe(2);
    expect(err).toMatch(/Allowed choices are starter, observer, operator, worker, orchestrator/);
  });
});

describe("nats-server.conf", () => {
  const text = readFileSync(`${ROOT}nats-server.conf`, "utf8");

  test.each<UserRequest>([
    { role: "orchestrator" },
    { role: "worker", ...ORDER },
    { role: "starter", user: "shop", ...ORDER },
    { role: "observer" },
    { role: "operator" },
  ])("shows the permissions that are made for %j", (request) => {
    expect(flat(text)).toContain(flat(toServerConfig(permissionsOf(request))));
  });
});

describe("docs/security.md", () => {
  const page = pageAt("docs/security.md");

  test.each([
    ["starter", { role: "starter", user: "shop", ...ORDER }],
    ["worker", { role: "worker", ...ORDER }],
  ] as const)("shows all that a %s may", (label, request) => {
    const fence = page.fences.find((one) => one.label === label);
    expect(JSON.parse(fence?.code ?? "")).toEqual(toServerUser(permissionsOf(request)));
  });

  test("names every role", () => {
    for (const role of ROLE_NAMES) expect(page.prose).toContain(`| \`${role}\` |`);
  });
});

/** Without the marks of comments, whatever its indentation. */
const flat = (text: string): string => text.replaceAll(/[\s#]+/g, " ");
