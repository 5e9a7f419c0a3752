import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { MAX_PARTITIONS, partitionNamespaces } from "../core/partition-of.ts";
import { SAFE_NAME } from "../core/token.ts";
import { namesOf } from "./names.ts";
import { NamespaceSchema } from "./options.ts";
import { observer } from "./permissions/observer.ts";
import { operator } from "./permissions/operator.ts";
import { orchestrator } from "./permissions/orchestrator.ts";
import { both, inboxPrefixOf, type Permissions, type Role } from "./permissions/role.ts";
import { starter } from "./permissions/starter.ts";
import { worker } from "./permissions/worker.ts";

// What NATS users of each kind may do, as data. Two forms:
//
// P1. Through the API: publishes to `<ns>.api.<verb>` and nothing else. What it may not do it cannot do: the service
//     reads the body, ignores headers, and answers to inboxes only.
// P2. Direct: works on JetStream itself, as the clients of this package do. It holds against mistakes, not against
//     malice: whoever may ask JetStream anything may have the answer sent to any subject of the account, and whoever may
//     publish into a stream may say in a header what becomes of other messages there. See docs/security.md.

/** The kinds of users, from least to most. */
export const ROLE_NAMES = ["starter", "observer", "operator", "worker", "orchestrator"] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

const ROLES: Readonly<Record<RoleName, Role>> = {
  starter,
  observer,
  operator,
  worker,
  orchestrator,
};

/** A user that permissions are wanted for. */
export interface UserRequest {
  readonly role: RoleName;
  /** @default "floxide" */
  readonly namespace?: string | undefined;
  /** How many partitions the system has: it is allowed the same in all of them. @default none */
  readonly partitions?: number | undefined;
  /** Of a starter or a worker: the only workflows that it starts or works for. @default all */
  readonly workflows?: readonly string[] | undefined;
  /** 1 to 64 letters, digits, `_` and `-`. @default the role */
  readonly user?: string | undefined;
  /** Works on JetStream itself, not through the API. Workers and orchestrators always do. @default false */
  readonly direct?: boolean | undefined;
}

/** A user with its permissions. */
export interface UserPermissions {
  readonly user: string;
  readonly role: RoleName;
  readonly summary: string;
  readonly namespace: string;
  /** Null: none. */
  readonly partitions: number | null;
  /** Null: all. */
  readonly workflows: readonly string[] | null;
  readonly direct: boolean;
  /** What the client has to be given as `inboxPrefix`. */
  readonly inboxPrefix: string;
  readonly permissions: Permissions;
}

const Name = z.string().regex(SAFE_NAME, "must be 1 to 64 letters, digits, _ and -");
const RequestSchema = z.strictObject({
  role: z.enum(ROLE_NAMES),
  namespace: NamespaceSchema.default("floxide"),
  partitions: z.number().int().min(1).max(MAX_PARTITIONS).optional(),
  workflows: z.array(Name).min(1, "names one workflow or more").optional(),
  user: Name.optional(),
  direct: z.boolean().default(false),
});

/**
 * The permissions of a user of a kind.
 *
 * @throws FloxideError `validation` for names that cannot be ones, and for workflows where the role is not by workflow
 */
export function permissionsOf(request: UserRequest): UserPermissions {
  const parsed = RequestSchema.safeParse(request);
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new FloxideError("validation", `no permissions can be made: ${said.join("; ")}`, {
      cause: parsed.error,
    });
  }
  const { role: name, namespace, partitions, workflows, user = name, direct } = parsed.data;
  const role = ROLES[name];
  if (workflows !== undefined && !role.byWorkflow) throw notByWorkflow(name);
  const inboxPrefix = inboxPrefixOf(user);
  const make = direct ? role.direct : (role.throughApi ?? role.direct);
  const spaces =
    partitions === undefined ? [namespace] : partitionNamespaces(namespace, partitions);
  const permissions = spaces
    .map((space) =>
      make({ names: namesOf(space), workflows: workflows ?? ["*"], inbox: inboxPrefix }),
    )
    .reduce(both);
  return {
    user,
    role: name,
    summary: role.summary,
    namespace,
    partitions: partitions ?? null,
    workflows: workflows ?? null,
    direct: direct || role.throughApi === null,
    inboxPrefix,
    permissions,
  };
}

function notByWorkflow(role: RoleName): FloxideError {
  return new FloxideError(
    "validation",
    `the permissions of the role "${role}" are those of a whole namespace: only starter and worker can be of some workflows`,
    { details: { role } },
  );
}
