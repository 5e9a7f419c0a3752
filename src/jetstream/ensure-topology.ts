import type { JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Names } from "./names.ts";
import type { Persistence } from "./persist.ts";
import type { StreamPlan } from "./topology.ts";
import { API_CODE, apiCodeOf, translateError } from "./translate-error.ts";

/** Oldest server that has message schedules, message TTLs and reads of many subjects. */
const OLDEST_SERVER: readonly [number, number] = [2, 12];

type Field = keyof StreamConfig;

/** Refuses a server that lacks what is needed. @throws FloxideError `backend` */
export function checkServerVersion(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor, wantedMinor] = OLDEST_SERVER;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new FloxideError(
    "backend",
    `nats-server is ${version}, ${wantedMajor}.${wantedMinor} or newer is needed: older ones have no message schedules`,
    { details: { version } },
  );
}

/**
 * Looks at the streams, and makes and changes nothing.
 *
 * @returns the streams as they are, by name
 * @throws FloxideError `not_found` where one is missing, `backend` where one cannot be used
 */
export async function findTopology(
  jsm: JetStreamManager,
  { namespace }: Pick<Names, "namespace">,
  plans: readonly StreamPlan[],
  persistence: Persistence,
): Promise<ReadonlyMap<string, StreamInfo>> {
  const found = new Map<string, StreamInfo>();
  await Promise.all(
    plans.map(async (plan) => {
      const info = await lookAtStream(jsm, plan.name, persistence);
      if (info === null) return;
      checkFixed(plan, info);
      found.set(plan.name, info);
    }),
  );
  const missing = plans.map(({ name }) => name).filter((name) => !found.has(name));
  if (missing.length === 0) return found;
  const what =
    found.size === 0
      ? `there is no floxide in namespace "${namespace}": a worker, an orchestrator or a first start makes it`
      : `namespace "${namespace}" lacks ${missing.join(", ")}: a worker or an orchestrator makes them, once whatever is being restored is back`;
  throw new FloxideError("not_found", what, { details: { namespace, missing } });
}

/** The stream, or null where there is none. @throws FloxideError `backend` */
export function lookAtStream(
  jsm: JetStreamManager,
  name: string,
  persistence: Persistence,
): Promise<StreamInfo | null> {
  return persistence.manage(`looking for the stream "${name}"`, () => findStream(jsm, name));
}

/**
 * Makes the streams what the plans say: creates what is missing, changes what can be changed, refuses the rest.
 * Safe to run in many processes at once, and each time a process starts.
 *
 * @returns the streams as they are now, by name
 * @throws FloxideError `backend` naming the stream, the field, what was found and what is wanted
 */
export async function ensureTopology(
  jsm: JetStreamManager,
  plans: readonly StreamPlan[],
  persistence: Persistence,
  logger: Logger,
): Promise<ReadonlyMap<string, StreamInfo>> {
  const infos = await Promise.all(
    plans.map((plan) =>
      persistence.manage(`preparing the stream "${plan.name}"`, () =>
        ensureStream(jsm, plan, logger),
      ),
    ),
  );
  return new Map(infos.map((info) => [info.config.name, info]));
}

async function ensureStream(
  jsm: JetStreamManager,
  plan: StreamPlan,
  logger: Logger,
): Promise<StreamInfo> {
  const found = await findStream(jsm, plan.name);
  if (found !== null) return reconcile(jsm, plan, found, logger);
  try {
    const created = { ...plan.initial, ...plan.asked, ...plan.kept, ...plan.fixed };
    const info = await jsm.streams.add({ ...created, name: plan.name });
    logger.info({ stream: plan.name }, "stream created");
    return info;
  } catch (error) {
    // Somebody with other options was faster.
    if (apiCodeOf(error) !== API_CODE.streamNameExists) throw error;
    return reconcile(jsm, plan, await jsm.streams.info(plan.name), logger);
  }
}

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (apiCodeOf(error) === API_CODE.streamNotFound) return null;
    throw error;
  }
}

/** @throws FloxideError `backend` where it differs in what cannot be changed */
function checkFixed(plan: StreamPlan, info: StreamInfo): void {
  for (const field of differences(plan.fixed, info.config)) throw incompatible(plan, field, info);
}

async function reconcile(
  jsm: JetStreamManager,
  plan: StreamPlan,
  info: StreamInfo,
  logger: Logger,
): Promise<StreamInfo> {
  checkFixed(plan, info);
  const wanted = { ...plan.kept, ...askedOf(plan, info.config, logger) };
  const changes = differences(wanted, info.config);
  if (changes.length === 0) return info;
  logger.info({ stream: plan.name, fields: changes }, "stream is being changed");
  try {
    return await jsm.streams.update(plan.name, { ...info.config, ...wanted });
  } catch (error) {
    // The server answers 500 to a change that it does not allow; what cannot be reached is for the caller.
    if (apiCodeOf(error) === 0) throw error;
    const [field = "config"] = changes;
    throw translateError(
      error,
      incompatible({ ...plan, fixed: wanted }, field as Field, info).message,
    );
  }
}

/** Replicas are raised, not lowered: a tool that runs with defaults must not take copies away. */
function askedOf(plan: StreamPlan, found: StreamConfig, logger: Logger): Partial<StreamConfig> {
  const { num_replicas: replicas = 0, ...others } = plan.asked;
  if (replicas === 0 || replicas >= found.num_replicas) return plan.asked;
  logger.warn(
    { stream: plan.name, found: found.num_replicas, wanted: replicas },
    "the stream has more replicas than wanted; they stay: lower them with the nats tool",
  );
  return others;
}

function differences(wanted: Partial<StreamConfig>, found: Partial<StreamConfig>): Field[] {
  const fields = Object.keys(wanted) as Field[];
  return fields.filter((field) => normal(wanted[field]) !== normal(found[field]));
}

/** The server leaves out what is false or zero; the order of subjects says nothing. */
function normal(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify([...value].sort());
  return JSON.stringify(value === undefined || value === 0 ? false : value);
}

function incompatible(plan: StreamPlan, field: Field, info: StreamInfo): FloxideError {
  const found = info.config[field] ?? false;
  const wanted = plan.fixed[field] ?? false;
  return new FloxideError(
    "backend",
    `the stream "${plan.name}" exists and cannot be used: its ${field} is ${JSON.stringify(found)}, ` +
      `${JSON.stringify(wanted)} is needed; choose another namespace, or move the stream away`,
    { details: { stream: plan.name, field, found, wanted } },
  );
}
