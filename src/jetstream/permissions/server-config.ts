import type { UserPermissions } from "../permissions.ts";

/** A user in the words of nats-server's configuration, without what it proves itself by. */
export interface ServerUser {
  readonly user: string;
  readonly permissions: {
    readonly publish: readonly string[];
    readonly subscribe: readonly string[];
    readonly allow_responses?: { readonly max: number; readonly expires: string };
  };
}

/** The entry for `users` of an `authorization` or `accounts` block. */
export function toServerUser({ user, permissions }: UserPermissions): ServerUser {
  const { publish, subscribe, answers } = permissions;
  const responses =
    answers === null
      ? {}
      : { allow_responses: { max: answers.max, expires: `${answers.withinMinutes}m` } };
  return { user, permissions: { publish, subscribe, ...responses } };
}

/** Nobody can log in with it: a hash made by `nats server passwd` goes there. */
const NO_PASSWORD = "$2a$11$...";

/** The same as text for nats-server.conf, commented, to be pasted between `users: [` and `]`. */
export function toServerConfig(granted: UserPermissions): string {
  const { role, summary, namespace, partitions, workflows, direct, inboxPrefix } = granted;
  const { user, permissions } = toServerUser(granted);
  const which = workflows === null ? "" : ` of ${workflows.join(", ")}`;
  const place = partitions === null ? "" : ` on ${partitions} partitions`;
  const how = direct ? "on JetStream itself" : "through the API";
  const responses = permissions.allow_responses;
  return [
    `# ${role} in namespace "${namespace}"${place}${which}: ${summary}, ${how}.`,
    `# Its client needs the inbox prefix ${inboxPrefix}. The password is a hash: nats server passwd.`,
    "{",
    `  user: ${JSON.stringify(user)}`,
    `  password: ${JSON.stringify(NO_PASSWORD)}`,
    "  permissions: {",
    ...list("publish", permissions.publish),
    ...list("subscribe", permissions.subscribe),
    ...(responses === undefined
      ? []
      : [`    allow_responses: { max: ${responses.max}, expires: "${responses.expires}" }`]),
    "  }",
    "}",
    "",
  ].join("\n");
}

const list = (name: string, subjects: readonly string[]): readonly string[] => [
  `    ${name}: [`,
  ...subjects.map((subject) => `      ${JSON.stringify(subject)}`),
  "    ]",
];
