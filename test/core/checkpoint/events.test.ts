import { describe, expect, it } from "vitest";
import type { StoredEvent } from "../../../src/core/checkpoint/checkpoint.ts";
import { addEvent, byOf, eventsFrom } from "../../../src/core/checkpoint/events.ts";

const paused = (number: number) => [number, 0, "run.paused", null, null, null] as const;

function eventsBy(...names: readonly (string | null)[]): StoredEvent[] {
  const events: StoredEvent[] = [];
  names.forEach((by, i) => {
    addEvent(events, [...paused(i + 1)], by);
  });
  return events;
}

describe("events of a checkpoint", () => {
  it("say who made them happen only where that is another than of the event before", () => {
    const events = eventsBy("a", "a", null, null, "b", "a");
    expect(events.map((event) => event.slice(6))).toEqual([["a"], [], [null], [], ["b"], ["a"]]);
    expect(events.map((_, i) => byOf(events, i))).toEqual(["a", "a", null, null, "b", "a"]);
  });

  it("still say it when older ones are taken away", () => {
    const events = eventsBy("a", "a", "a", "b");
    const left = eventsFrom(events, 2);
    expect(left).toEqual([
      [...paused(3), "a"],
      [...paused(4), "b"],
    ]);
    expect(eventsFrom(events, 4)).toEqual([]);
  });

  it("are five hundred at most", () => {
    const events = eventsBy(...Array.from({ length: 600 }, () => "a"));
    expect(events).toHaveLength(500);
    expect(events[0]).toEqual([...paused(101), "a"]);
  });
});
