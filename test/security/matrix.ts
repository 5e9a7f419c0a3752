// Who may do what, written down by hand: the permissions that the code makes are held against this.

/** Users of the matrix. Starter and worker are those of the workflow `order`. */
export const USERS = {
  starter: { role: "starter", workflows: ["order"] },
  "starter-d": { role: "starter", workflows: ["order"], direct: true },
  observer: { role: "observer" },
  "observer-d": { role: "observer", direct: true },
  operator: { role: "operator" },
  "operator-d": { role: "operator", direct: true },
  worker: { role: "worker", workflows: ["order"] },
  orchestrator: { role: "orchestrator" },
} as const;

export type User = keyof typeof USERS;

const NOBODY: readonly User[] = [];
const STARTERS: readonly User[] = ["starter", "starter-d"];
const WATCHERS: readonly User[] = ["observer", "observer-d", "operator", "operator-d"];
const DIRECT_WATCHERS: readonly User[] = ["observer-d", "operator-d"];
const OPERATORS: readonly User[] = ["operator", "operator-d"];
/** Commands to runs, on JetStream itself. */
const STEERERS: readonly User[] = ["operator-d", "orchestrator"];
const READERS: readonly User[] = ["observer-d", ...STEERERS];
const MOVERS: readonly User[] = ["worker", ...STEERERS];
const CLIENTS: readonly User[] = ["worker", ...READERS];

/** A subject, and who may publish to it. */
export type Row = readonly [subject: string, who: readonly User[]];

const BUCKETS = ["context", "values", "runs", "metrics", "errors", "liveness"] as const;
const LOGS = ["floxide-history", "floxide-dead"];
const STREAMS = ["floxide-work", ...BUCKETS.map((name) => `KV_floxide-${name}`), ...LOGS];

const only = (is: boolean, who: readonly User[]): readonly User[] => (is ? who : NOBODY);

const API: readonly Row[] = [
  ["start.order", STARTERS],
  ["start.other", NOBODY],
  ["start", NOBODY],
  ["status", WATCHERS],
  ["result", WATCHERS],
  ["outputs", WATCHERS],
  ["errors", WATCHERS],
  ["metrics", WATCHERS],
  ["context", WATCHERS],
  ["history", WATCHERS],
  ["pending", WATCHERS],
  ["items", WATCHERS],
  ["list", WATCHERS],
  ["workers", WATCHERS],
  ["backlog", WATCHERS],
  ["dead-letters", WATCHERS],
  ["workflows", WATCHERS],
  ["wait", WATCHERS],
  ["cancel", OPERATORS],
  ["pause", OPERATORS],
  ["resume", OPERATORS],
  ["signal", OPERATORS],
  ["repair", OPERATORS],
  ["anything", NOBODY],
].map(([verb, who]) => [`floxide.api.${verb as string}`, who as readonly User[]]);

const WORK: readonly Row[] = [
  ["floxide.start.order", ["starter-d", ...STEERERS]],
  ["floxide.start.other", STEERERS],
  ["floxide.work.order.r.1", MOVERS],
  ["floxide.work.other.r.1", STEERERS],
  ["floxide.sched.order.r.1.0", MOVERS],
  ["floxide.sched.other.r.1.0", STEERERS],
  ["floxide.history.order.r", MOVERS],
  ["floxide.history.other.r", STEERERS],
  ["floxide.dead.order", ["worker"]],
  ["floxide.dead.other", NOBODY],
  ["floxide.control.r", MOVERS],
];

const ENTRIES: readonly Row[] = [
  ["$KV.floxide-context.r", MOVERS],
  ["$KV.floxide-values.r.k", MOVERS],
  ["$KV.floxide-runs.order.running.r", MOVERS],
  ["$KV.floxide-runs.other.running.r", STEERERS],
  ["$KV.floxide-metrics.r", MOVERS],
  ["$KV.floxide-errors.r.1.1", ["worker"]],
  ["$KV.floxide-liveness.w", ["worker"]],
  ["$KV.other.key", NOBODY],
];

function ofStream(stream: string): readonly Row[] {
  const isWork = stream === "floxide-work";
  const isRuns = stream === "KV_floxide-runs";
  const isContext = stream === "KV_floxide-context";
  const isValues = stream === "KV_floxide-values";
  const isLiveness = stream === "KV_floxide-liveness";
  const isMetrics = stream === "KV_floxide-metrics";
  const key = isValues ? "r.k" : "r";
  const subject = stream.startsWith("KV_") ? `$KV.${stream.slice(3)}.${key}` : "floxide.any";
  const isFollowed = isRuns || stream === "floxide-history";
  return [
    [`STREAM.INFO.${stream}`, CLIENTS],
    [`STREAM.CREATE.${stream}`, ["orchestrator"]],
    [`STREAM.UPDATE.${stream}`, ["orchestrator"]],
    [`STREAM.DELETE.${stream}`, NOBODY],
    [`STREAM.PURGE.${stream}`, only(isWork, STEERERS)],
    [`STREAM.SNAPSHOT.${stream}`, NOBODY],
    [`STREAM.RESTORE.${stream}`, NOBODY],
    [`STREAM.PEER.REMOVE.${stream}`, NOBODY],
    [`STREAM.LEADER.STEPDOWN.${stream}`, NOBODY],
    [`STREAM.MSG.DELETE.${stream}`, only(isWork, STEERERS)],
    [
      `STREAM.MSG.GET.${stream}`,
      isContext || isValues || isRuns ? CLIENTS : only(isWork || isLiveness, READERS),
    ],
    [
      `DIRECT.GET.${stream}`,
      isRuns || isContext ? CLIENTS : only(!isMetrics && !isValues, READERS),
    ],
    [`DIRECT.GET.${stream}.${subject}`, isContext || isValues ? CLIENTS : only(isMetrics, READERS)],
    [`CONSUMER.LIST.${stream}`, only(isWork, READERS)],
    [`CONSUMER.NAMES.${stream}`, NOBODY],
    [`CONSUMER.CREATE.${stream}`, only(isRuns, READERS)],
    [`CONSUMER.CREATE.${stream}.mine.${subject}`, only(isFollowed, DIRECT_WATCHERS)],
    [`CONSUMER.DURABLE.CREATE.${stream}.mine`, NOBODY],
    [`CONSUMER.DELETE.${stream}.mine`, only(isWork, STEERERS)],
    [`CONSUMER.PAUSE.${stream}.mine`, NOBODY],
    [`CONSUMER.LEADER.STEPDOWN.${stream}.mine`, NOBODY],
    [`CONSUMER.INFO.${stream}.mine`, only(isWork, READERS)],
    [`CONSUMER.MSG.NEXT.${stream}.mine`, only(isFollowed, DIRECT_WATCHERS)],
  ].map(([tail, who]) => [`$JS.API.${tail as string}`, who as readonly User[]]);
}

function ofConsumer(kind: "start" | "work", workflow: "order" | "other"): readonly Row[] {
  const own = only(workflow === "order", ["worker"]);
  const name = `floxide-work.${kind}-${workflow}`;
  const filter = kind === "start" ? `floxide.start.${workflow}` : `floxide.work.${workflow}.>`;
  return [
    [`$JS.API.CONSUMER.INFO.${name}`, [...own, ...READERS]],
    [`$JS.API.CONSUMER.CREATE.${name}.${filter}`, [...own, ...STEERERS]],
    [`$JS.API.CONSUMER.DURABLE.CREATE.${name}`, NOBODY],
    [`$JS.API.CONSUMER.DELETE.${name}`, STEERERS],
    [`$JS.API.CONSUMER.PAUSE.${name}`, NOBODY],
    [`$JS.API.CONSUMER.MSG.NEXT.${name}`, own],
    [`$JS.ACK.${name}.1.1.1.1.0`, own],
  ];
}

const OUTSIDE: readonly Row[] = [
  "elsewhere.api.list",
  "elsewhere.api.cancel",
  "elsewhere.start.order",
  "elsewhere.work.order.r.1",
  "elsewhere.control.r",
  "$KV.elsewhere-context.r",
  "$JS.API.STREAM.INFO.elsewhere-work",
  "$JS.API.STREAM.CREATE.elsewhere-work",
  "$JS.API.DIRECT.GET.KV_elsewhere-context",
  "$JS.API.INFO",
  "$JS.API.STREAM.NAMES",
  "$JS.API.STREAM.LIST",
  "$JS.API.ACCOUNT.PURGE.A",
  "$JS.ACK.elsewhere-work.work-order.1.1.1.1.0",
  "$SYS.REQ.SERVER.PING",
  "$SRV.PING.elsewhere-api",
  "_INBOX.someone.1",
  "_INBOX_admin.1",
  "_INBOX_starter.1",
  "_INBOX_operator.1",
  "_INBOX_worker.1",
  "billing.pay",
].map((subject) => [subject, NOBODY]);

/** Everything that is published, and much that is not. */
export const PUBLISHES: readonly Row[] = [
  ...API,
  ...WORK,
  ...ENTRIES,
  ...STREAMS.flatMap(ofStream),
  ...ofConsumer("start", "order"),
  ...ofConsumer("work", "order"),
  ...ofConsumer("start", "other"),
  ...ofConsumer("work", "other"),
  ["$JS.API.DIRECT.GET.KV_floxide-runs.$KV.floxide-runs.order.running.r", DIRECT_WATCHERS],
  ["$JS.ACK.KV_floxide-runs.x.1.1.1.1.0", ["orchestrator"]],
  ["$JS.FC.KV_floxide-runs.x.1", READERS],
  ["$JS.FC.floxide-history.x.1", DIRECT_WATCHERS],
  ["$JS.FC.floxide-work.x.1", NOBODY],
  ["$SRV.PING", WATCHERS],
  ["$SRV.INFO.floxide-api", WATCHERS],
  ["$SRV.STATS.floxide-api.some", WATCHERS],
  ...OUTSIDE,
];

/** What may be listened to, and by whom. */
export const SUBSCRIPTIONS: readonly Row[] = [
  [">", NOBODY],
  ["*.>", NOBODY],
  ["_INBOX.>", NOBODY],
  ["_INBOX_admin.>", NOBODY],
  ...(Object.keys(USERS) as User[]).map((user): Row => [`_INBOX_${user}.>`, [user]]),
  ["floxide.>", NOBODY],
  ["floxide.start.*", NOBODY],
  ["floxide.start.order", NOBODY],
  ["floxide.work.>", NOBODY],
  ["floxide.work.order.>", NOBODY],
  ["floxide.sched.>", NOBODY],
  ["floxide.history.>", DIRECT_WATCHERS],
  ["floxide.dead.*", NOBODY],
  ["floxide.control.*", ["worker"]],
  ["floxide.api.>", ["orchestrator"]],
  ["floxide.api.list", ["orchestrator"]],
  ["$SRV.PING", ["orchestrator"]],
  ["$SRV.INFO.floxide-api.some", ["orchestrator"]],
  ["$SRV.>", NOBODY],
  ["$KV.>", NOBODY],
  ["$KV.floxide-context.>", NOBODY],
  ["$KV.floxide-runs.>", NOBODY],
  ["$JS.>", NOBODY],
  ["$JS.API.>", NOBODY],
  ["$JS.ACK.>", NOBODY],
  ["$JS.EVENT.>", NOBODY],
  ["$SYS.>", NOBODY],
  ["elsewhere.>", NOBODY],
  ["elsewhere.control.*", NOBODY],
  ["billing.>", NOBODY],
];
