import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  itemMessageId,
  namesOf,
  readItemSubject,
  readStartSubject,
  runIdOfStart,
  startMessageId,
} from "../../src/jetstream/names.ts";

const names = namesOf("ns");
const runId = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
const workflow = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);

describe("names", () => {
  it("read the subject of an item back, whatever the run id is made of", () => {
    fc.assert(
      fc.property(workflow, runId, fc.nat(), fc.boolean(), (name, id, item, scheduled) => {
        const subject = scheduled ? names.sched(name, id, item, 7) : names.work(name, id, item);
        expect(subject.split(".")).toHaveLength(scheduled ? 6 : 5);
        expect(subject).not.toMatch(/[\s*>]/);
        expect(readItemSubject(names, subject)).toEqual({
          scheduled,
          workflow: name,
          runId: id,
          item,
          turn: scheduled ? 7 : null,
        });
      }),
    );
  });

  it.each([
    "ns.start.orders",
    "ns.work.orders.r",
    "ns.work.orders.r.x",
    "ns.work.orders.r.1.2",
    "other.work.orders.r.1",
    "nsx.work.orders.r.1",
    "",
  ])("take %j for no item", (subject) => {
    expect(readItemSubject(names, subject)).toBeNull();
  });

  it("read the workflow of a start request back", () => {
    expect(readStartSubject(names, names.start("orders"))).toBe("orders");
    expect(readStartSubject(names, "ns.work.orders.r.1")).toBeNull();
  });

  it("give different runs different message ids that a header carries unchanged", () => {
    fc.assert(
      fc.property(runId, runId, (a, b) => {
        expect(startMessageId(a)).toMatch(/^[ -~]+$/);
        expect(startMessageId(a).trim()).toBe(startMessageId(a));
        expect(runIdOfStart(startMessageId(a))).toBe(a);
        expect(startMessageId(a) === startMessageId(b)).toBe(a === b);
      }),
    );
  });

  it("leave a plain run id as it is", () => {
    expect(startMessageId("order 7/a.b")).toBe("order 7/a.b");
  });

  it("take a message id that only looks encoded for what it is", () => {
    expect(runIdOfStart("fx:start.=zz")).toBe("fx:start.=zz");
  });

  it("keep the message ids of items and start requests apart", () => {
    const id = itemMessageId({ runId: "start", item: 5, epoch: 0, turn: 0, salt: "" });
    expect(id).toBe("fx:start.5.0.0");
    fc.assert(fc.property(runId, (other) => startMessageId(other) !== id));
  });

  it("give no two namespaces one name", () => {
    const all = (ns: string) => {
      const of = namesOf(ns);
      return [
        of.workStream,
        of.historyStream,
        of.deadStream,
        of.bucket("runs"),
        of.bucket("context"),
      ];
    };
    const every = ["a", "a-work", "a-context", "b"].flatMap(all);
    expect(new Set(every).size).toBe(every.length);
  });
});
