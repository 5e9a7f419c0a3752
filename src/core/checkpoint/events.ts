import type { StoredEvent } from "./checkpoint.ts";

// Events of a checkpoint. Most are of the same worker as the one before, and then do not say it.

/** Most events a checkpoint keeps for a history stream that cannot be reached. Older ones are dropped beyond it. */
const EVENT_LIMIT = 500;

type What = [
  number: number,
  at: number,
  kind: string,
  item: number | null,
  node: string | null,
  attempt: number | null,
];

/** Adds an event, with who made it happen where that is not who made the last one happen. */
export function addEvent(events: StoredEvent[], what: What, by: string | null): void {
  const last = events.length === 0 ? undefined : byOf(events, events.length - 1);
  events.push(last === by ? what : [...what, by]);
  if (events.length > EVENT_LIMIT) {
    const kept = eventsFrom(events, events.length - EVENT_LIMIT);
    events.splice(0, events.length, ...kept);
  }
}

/** The events from a place on, of which the first says who made it happen. */
export function eventsFrom(events: readonly StoredEvent[], from: number): StoredEvent[] {
  const [first, ...others] = events.slice(from);
  if (first === undefined) return [];
  const [number, at, kind, item, node, attempt] = first;
  return [[number, at, kind, item, node, attempt, byOf(events, from)], ...others];
}

/** Worker or orchestrator that made the event happen. */
export function byOf(events: readonly StoredEvent[], place: number): string | null {
  for (let i = place; i >= 0; i--) {
    const by = events[i]?.[6];
    if (by !== undefined) return by;
  }
  return null;
}
