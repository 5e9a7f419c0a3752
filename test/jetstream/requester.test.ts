import type { Msg, MsgCallback } from "@nats-io/nats-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { Link } from "../../src/jetstream/link.ts";
import { Requester } from "../../src/jetstream/requester.ts";

/** A connection on which only the test answers. */
class FakeNats {
  readonly replies: string[] = [];
  #callback: MsgCallback<Msg> = () => {};

  readonly link = {
    isUp: true,
    clock: systemClock,
    inboxPrefix: undefined,
    nc: {
      subscribe: (_subject: string, { callback }: { callback: MsgCallback<Msg> }) => {
        this.#callback = callback;
        return { unsubscribe: () => {}, isClosed: () => false };
      },
      publish: (_subject: string, _payload: unknown, { reply }: { reply: string }) =>
        this.replies.push(reply),
    },
    watch: () => () => {},
  } as unknown as Link;

  answer(n: number): void {
    const subject = this.replies[n] ?? "";
    void this.#callback(null, { subject, data: new Uint8Array([1]) } as Msg);
  }
}

describe("requester", () => {
  let nats: FakeNats;
  let requester: Requester;
  let ended: string[];
  const ask = (name: string): void => {
    requester
      .request("s", "", undefined, () => "answered")
      .then(
        (how) => ended.push(`${name} ${how}`),
        (error: Error) => ended.push(`${name} ${error.message}`),
      );
  };
  const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    nats = new FakeNats();
    requester = new Requester(nats.link, 5_000);
    ended = [];
  });
  afterEach(() => {
    requester.close();
    vi.useRealTimers();
  });

  it("wakes the process for an answered request once, when it would have been overdue", async () => {
    const after = vi.spyOn(systemClock, "after");
    ask("first");
    nats.answer(0);
    await wait(4_000);
    expect(ended).toEqual(["first answered"]);
    ask("second");
    nats.answer(1);
    await wait(2_000);
    expect(after).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fails what is not answered in time, each when it is overdue", async () => {
    ask("first");
    await wait(50);
    ask("second");
    await wait(2_000);
    ask("third");
    await wait(2_950);
    expect(ended.map((line) => line.split(" ")[0])).toEqual(["first"]);
    await wait(100);
    expect(ended.map((line) => line.split(" ")[0])).toEqual(["first", "second"]);
    nats.answer(2);
    await wait(10_000);
    expect(ended).toHaveLength(3);
    expect(ended[2]).toBe("third answered");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps a late reply, or one that comes twice, from those that ask since", async () => {
    ask("first");
    await wait(6_000);
    ask("second");
    nats.answer(0);
    await wait(0);
    expect(ended).toHaveLength(1);
    nats.answer(1);
    ask("third");
    nats.answer(1);
    nats.answer(0);
    await wait(0);
    expect(ended.slice(1)).toEqual(["second answered"]);
    nats.answer(2);
    await wait(0);
    expect(ended.slice(2)).toEqual(["third answered"]);
  });

  it("looks sooner for one that has less time", async () => {
    ask("long");
    let isOver = false;
    void requester
      .collect("s", "", () => false, { timeoutMs: 1_000, onTimeout: "end" })
      .then(() => {
        isOver = true;
      });
    await wait(1_000);
    expect(isOver).toBe(true);
    expect(ended).toEqual([]);
    await wait(4_000);
    expect(ended).toHaveLength(1);
  });

  it.each([
    ["more", 8_000, 8_000],
    ["less", 1_000, 5_000],
  ])("waits no shorter than usual where it is asked for %s", async (_, timeoutMs, endMs) => {
    const over = vi.fn();
    requester.request("s", "", undefined, () => "answered", timeoutMs).catch(over);
    await wait(endMs - 1);
    expect(over).not.toHaveBeenCalled();
    await wait(101);
    expect(over).toHaveBeenCalledOnce();
  });

  it("looks at one that was given more time when that is over", async () => {
    const over = vi.fn();
    void requester.collect("s", "", () => false, { onTimeout: "fail" }).catch(over);
    await wait(3_000);
    nats.answer(0);
    await wait(4_900);
    expect(over).not.toHaveBeenCalled();
    await wait(200);
    expect(over).toHaveBeenCalled();
  });
});
