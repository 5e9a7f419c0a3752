import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import type { Backlog } from "../core/ports/work-queue.ts";
import { type Names, readStartSubject } from "./names.ts";

/** What waits, by workflow: of the consumers' counts, and of start requests that have no consumer yet. */
export async function readBacklog(jsm: JetStreamManager, names: Names): Promise<Backlog[]> {
  const found = new Map<string, { starts: number; items: number; inFlight: number }>();
  const of = (workflow: string) => {
    const figures = found.get(workflow) ?? { starts: 0, items: 0, inFlight: 0 };
    found.set(workflow, figures);
    return figures;
  };
  const waiting = await jsm.streams.info(names.workStream, { subjects_filter: names.startAll });
  for (const [subject, count] of Object.entries(waiting.state.subjects ?? {})) {
    // Right where there is no consumer; where there is one, its own count of what nobody has taken replaces it.
    of(readStartSubject(names, subject) ?? subject).starts = count;
  }
  for await (const info of jsm.consumers.list(names.workStream)) count(names, info, of);
  return [...found].map(([workflow, figures]) => ({ workflow, ...figures }));
}

function count(
  names: Names,
  info: ConsumerInfo,
  of: (workflow: string) => { starts: number; items: number; inFlight: number },
): void {
  const [kind] = info.name.split("-", 1);
  if (kind !== "start" && kind !== "work") return;
  const workflow = info.name.slice(kind.length + 1);
  if (info.name !== names.consumer(kind, workflow)) return;
  const figures = of(workflow);
  if (kind === "start") figures.starts = info.num_pending;
  else figures.items = info.num_pending;
  figures.inFlight += info.num_ack_pending;
}
