import { readFile } from "node:fs/promises";
import type { Member } from "../support/crew.ts";
import type { System } from "../support/system.ts";

/** What is kept, by stream: messages, subjects, bytes and consumers. */
export interface Kept {
  readonly messages: number;
  readonly subjects: number;
  readonly bytes: number;
  readonly consumers: number;
}

/** One look at everything that could grow. */
export interface Sample {
  /** Seconds since the load began. */
  readonly at: number;
  /** Bytes, by series: `worker heap`, `worker rss`, `service heap`, `service rss`, `server rss`. */
  readonly memory: Readonly<Record<string, number>>;
  readonly streams: Readonly<Record<string, Kept>>;
}

/** Looks at the members given, which nobody kills, the server and what it keeps. */
export async function sample(
  system: System,
  members: Readonly<Record<string, Member>>,
  at: number,
): Promise<Sample> {
  const memory: Record<string, number> = {};
  for (const [name, member] of Object.entries(members)) {
    const used = await member.memory();
    if (used === null) continue;
    memory[`${name} heap`] = used.heapBytes;
    memory[`${name} rss`] = used.rssBytes;
  }
  const rss = await rssOf(system.deployment.nodes[0]?.pid ?? 0);
  if (rss !== null) memory["server rss"] = rss;
  return { at, memory, streams: await kept(system) };
}

export async function kept({ admin }: System): Promise<Record<string, Kept>> {
  const infos = await admin.jsm.streams.list().next();
  return Object.fromEntries(
    infos.map(({ config, state }) => [
      config.name,
      {
        messages: state.messages,
        subjects: state.num_subjects ?? 0,
        bytes: state.bytes,
        consumers: state.consumer_count,
      },
    ]),
  );
}

/** Resident bytes of a process, where the system tells. */
async function rssOf(pid: number): Promise<number | null> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}
