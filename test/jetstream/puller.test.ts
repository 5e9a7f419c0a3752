import type { Msg, MsgCallback } from "@nats-io/nats-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import type { Link, LinkWatcher } from "../../src/jetstream/link.ts";
import { ConsumerGone } from "../../src/jetstream/pull-status.ts";
import { Puller } from "../../src/jetstream/puller.ts";
import { Signing } from "../../src/jetstream/signing.ts";
import { recordingLogger } from "./support.ts";

const WORK = { kind: "work", workflow: "orders" } as const;
const API = "$JS.API.CONSUMER.MSG.NEXT.s.c";

/** A connection that says nothing by itself: the test plays the server. */
class FakeNats {
  readonly requests: { batch: number; reply: string }[] = [];
  /** What was asked for, in milliseconds: none on a server that is alone. */
  readonly heartbeatsMs: (number | undefined)[] = [];
  readonly said: string[] = [];
  subscriptions = 0;
  drained = 0;
  watcher: LinkWatcher = {};
  /** What the server says goes to the newest subscription, or to an older one that is being given up. */
  readonly #callbacks: MsgCallback<Msg>[] = [];

  readonly link = {
    isUp: true,
    clock: systemClock,
    inboxPrefix: undefined,
    isInCluster: false,
    nc: {
      isClosed: () => false,
      subscribe: (_subject: string, { callback }: { callback: MsgCallback<Msg> }) => {
        this.subscriptions++;
        this.#callbacks.push(callback);
        return { unsubscribe: () => {}, drain: async () => void this.drained++ };
      },
      publish: (subject: string, body: string | Uint8Array, options?: { reply: string }) => {
        if (subject === API && options !== undefined) {
          const request = JSON.parse(String(body)) as { batch: number; idle_heartbeat?: number };
          this.requests.push({ batch: request.batch, reply: options.reply });
          const { idle_heartbeat: nanos } = request;
          this.heartbeatsMs.push(nanos === undefined ? undefined : nanos / 1e6);
        } else this.said.push(`${subject.split(".")[5]} ${Buffer.from(body).toString()}`);
      },
    },
    watch: (watcher: LinkWatcher) => {
      this.watcher = watcher;
      return () => {};
    },
  } as unknown as Link;

  /** Delivers the message at this position. */
  deliver(seq: number, subscription = -1): void {
    this.#say(subscription, {
      subject: `ns.work.orders.r.${seq}`,
      reply: `$JS.ACK.s.c.1.${seq}.${seq}.1700000000000000000.0`,
      data: new Uint8Array([1]),
      string: () => String(seq),
    });
  }

  /** Ends the newest request, or sends a heartbeat. */
  status(code: number, description = "", pending = 0): void {
    const headers = {
      code,
      description,
      get: (name: string) => (name === "Nats-Pending-Messages" ? String(pending) : ""),
    };
    const subject = this.requests.at(-1)?.reply ?? "";
    this.#say(-1, { subject, data: new Uint8Array(), headers });
  }

  #say(subscription: number, msg: object): void {
    this.#callbacks.at(subscription)?.(null, msg as Msg);
  }
}

describe("puller", () => {
  let nats: FakeNats;
  let puller: Puller;
  let got: number[];
  let ended: string[];
  const never = new AbortController().signal;
  const pull = (max: number, signal = never, name = "pull") =>
    puller
      .pull(max, ({ seq }) => got.push(seq), signal)
      .then(
        () => ended.push(name),
        (error: Error) => ended.push(`${name}: ${error.name}`),
      );

  beforeEach(() => {
    vi.useFakeTimers();
    nats = new FakeNats();
    puller = new Puller(nats.link, "s", "c", WORK, new Signing(null, null), silentLogger);
    got = [];
    ended = [];
  });
  afterEach(async () => {
    await puller.close();
    vi.useRealTimers();
  });

  it("asks for what is wanted, once, with one subscription for all pulls", async () => {
    const first = pull(2);
    nats.deliver(1);
    nats.deliver(2);
    await first;
    const second = pull(3);
    expect(nats.requests.map(({ batch }) => batch)).toEqual([2, 3]);
    expect(nats.subscriptions).toBe(1);
    for (const seq of [3, 4, 5]) nats.deliver(seq);
    await second;
    expect(got).toEqual([1, 2, 3, 4, 5]);
    expect(nats.said).toEqual([]);
  });

  it("asks for no more than what is not on its way already", async () => {
    const abort = new AbortController();
    const aborted = pull(5, abort.signal, "aborted");
    void pull(1, never, "stays");
    abort.abort();
    await aborted;
    void pull(3, never, "new");
    expect(nats.requests.map(({ batch }) => batch)).toEqual([5, 1]);
    void pull(4, never, "more");
    expect(nats.requests.map(({ batch }) => batch)).toEqual([5, 1, 2]);
    expect(nats.drained).toBe(0);
  });

  it("gives the subscription up when the last pull is aborted, and gives late messages back", async () => {
    const abort = new AbortController();
    const aborted = pull(5, abort.signal);
    nats.deliver(1);
    abort.abort();
    nats.deliver(2);
    await aborted;
    expect(nats.drained).toBe(1);
    expect(got).toEqual([1]);
    expect(nats.said).toEqual(["2 -NAK"]);
  });

  describe("in a cluster, whose leader may send for a while what nobody waits for", () => {
    beforeEach(() => {
      Object.assign(nats.link, { isInCluster: true });
    });

    it("gives it back, and the subscription up once it was not asked for a second", async () => {
      const abort = new AbortController();
      const aborted = pull(5, abort.signal);
      abort.abort();
      await aborted;
      nats.deliver(1);
      await vi.advanceTimersByTimeAsync(999);
      expect(nats.drained).toBe(0);
      expect(nats.said).toEqual(["1 -NAK"]);
      await vi.advanceTimersByTimeAsync(1);
      expect(nats.drained).toBe(1);
    });

    it("lets the next pull have what was asked for, and waits anew when that is gone", async () => {
      const [first, second] = [new AbortController(), new AbortController()];
      const aborted = pull(5, first.signal);
      first.abort();
      await aborted;
      await vi.advanceTimersByTimeAsync(600);
      const next = pull(7, second.signal);
      expect(nats.requests.map(({ batch }) => batch)).toEqual([5, 2]);
      nats.deliver(1);
      second.abort();
      await next;
      await vi.advanceTimersByTimeAsync(999);
      expect(nats.drained).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(nats.drained).toBe(1);
      expect(got).toEqual([1]);
    });

    it("hands what came just before to a pull that begins, and gives it back a moment later", async () => {
      const abort = new AbortController();
      const aborted = pull(3, abort.signal, "aborted");
      abort.abort();
      await aborted;
      nats.deliver(1);
      await vi.advanceTimersByTimeAsync(49);
      await pull(1, never, "next");
      expect(got).toEqual([1]);
      nats.deliver(2);
      await vi.advanceTimersByTimeAsync(50);
      expect(nats.said).toEqual(["2 -NAK"]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(nats.drained).toBe(1);
    });

    it("notices that the server is silent where a pull has taken over what was asked for", async () => {
      const abort = new AbortController();
      const aborted = pull(1, abort.signal, "aborted");
      await vi.advanceTimersByTimeAsync(14_900);
      abort.abort();
      await aborted;
      await vi.advanceTimersByTimeAsync(200);
      void pull(1, never, "next");
      expect(nats.requests).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(ended).toEqual(["aborted", "next"]);
    });

    it("keeps the subscription where all that was asked for has come", async () => {
      const abort = new AbortController();
      const aborted = pull(2, abort.signal);
      abort.abort();
      await aborted;
      nats.deliver(1);
      nats.deliver(2);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(nats.drained).toBe(0);
      expect(nats.said).toEqual(["1 -NAK", "2 -NAK"]);
    });

    it("takes back what comes for a moment when it is closed", async () => {
      void pull(5);
      const closed = puller.close();
      nats.deliver(1);
      expect(nats.drained).toBe(0);
      await vi.advanceTimersByTimeAsync(200);
      await closed;
      expect(nats.drained).toBe(1);
      expect(nats.said).toEqual(["1 -NAK"]);
    });
  });

  it("hands late messages to a pull that has begun meanwhile", async () => {
    const abort = new AbortController();
    const aborted = pull(5, abort.signal, "aborted");
    abort.abort();
    await aborted;
    const next = pull(2, never, "next");
    expect(nats.subscriptions).toBe(2);
    nats.deliver(1, 0);
    nats.deliver(2);
    await next;
    expect(got).toEqual([1, 2]);
    // The second of the two that the new request asked for is wanted by nobody.
    expect(nats.drained).toBe(2);
    nats.deliver(3);
    expect(nats.said).toEqual(["3 -NAK"]);
  });

  it("wants nothing more where a late message was all that a pull had asked for", async () => {
    const abort = new AbortController();
    const aborted = pull(1, abort.signal, "aborted");
    abort.abort();
    await aborted;
    const next = pull(1, never, "next");
    nats.deliver(1, 0);
    await next;
    expect(got).toEqual([1]);
    expect(nats.drained).toBe(2);
  });

  it("ends all pulls when the server ends a request", async () => {
    const pulls = [pull(1, never, "a"), pull(1, never, "b")];
    nats.status(408, "Request Timeout", 1);
    await Promise.all(pulls);
    expect(ended).toEqual(["a", "b"]);
    // The other request is still there, and nobody wants what it brings.
    expect(nats.drained).toBe(1);
  });

  it.each([
    [409, "Consumer Deleted", "pull: ConsumerGone"],
    [503, "", "pull: ConsumerGone"],
    [409, "Exceeded MaxWaiting", "pull: FloxideError"],
    [409, "Leadership Change", "pull"],
  ])("answers %i %s", async (code, description, outcome) => {
    const pulling = pull(1);
    nats.status(code, description);
    await pulling;
    expect(ended).toEqual([outcome]);
    void pull(1);
    expect(nats.subscriptions).toBe(2);
    expect(nats.requests.map(({ batch }) => batch)).toEqual([1, 1]);
  });

  it("goes on while the server ends each request in time, and asks again when it fails to", async () => {
    const logger = recordingLogger();
    await puller.close();
    puller = new Puller(nats.link, "s", "c", WORK, new Signing(null, null), logger);
    for (let i = 0; i < 3; i++) {
      const pulling = pull(1);
      await vi.advanceTimersByTimeAsync(40_000);
      nats.status(408, "Request Timeout", 1);
      await pulling;
      expect(vi.getTimerCount()).toBe(0);
    }
    expect(nats.heartbeatsMs).toEqual([undefined, undefined, undefined]);
    const pulling = pull(1);
    await vi.advanceTimersByTimeAsync(43_900);
    expect(ended).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(100);
    await pulling;
    expect(ended).toHaveLength(4);
    expect(nats.drained).toBe(1);
    expect(logger.lines).toEqual(["the work queue is silent: asking again"]);
  });

  it("goes on while a server of a cluster sends heartbeats, and asks again when they fail to come", async () => {
    Object.assign(nats.link, { isInCluster: true });
    const logger = recordingLogger();
    await puller.close();
    puller = new Puller(nats.link, "s", "c", WORK, new Signing(null, null), logger);
    const pulling = pull(1);
    expect(nats.heartbeatsMs).toEqual([10_000]);
    for (let i = 0; i < 6; i++) {
      await vi.advanceTimersByTimeAsync(10_000);
      nats.status(100, "Idle Heartbeat");
    }
    await vi.advanceTimersByTimeAsync(15_500);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    await pulling;
    expect(ended).toEqual(["pull"]);
    expect(nats.drained).toBe(1);
    expect(logger.lines).toEqual(["the work queue is silent: asking again"]);
  });

  it("asks again where it was silent after the server had been late once", async () => {
    Object.assign(nats.link, { isInCluster: true });
    const pulling = pull(1);
    // The process stood still when the heartbeat came.
    await vi.advanceTimersByTimeAsync(15_500);
    nats.status(100, "Idle Heartbeat");
    await vi.advanceTimersByTimeAsync(15_500);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    await pulling;
    expect(nats.drained).toBe(1);
  });

  it("keeps one timer while somebody waits, and none else", async () => {
    const pulling = pull(1);
    for (let i = 0; i < 6; i++) {
      expect(vi.getTimerCount()).toBe(1);
      await vi.advanceTimersByTimeAsync(10_000);
      nats.status(100, "Idle Heartbeat");
    }
    nats.deliver(1);
    await pulling;
    await vi.advanceTimersByTimeAsync(44_000);
    expect(vi.getTimerCount()).toBe(0);
    void pull(1);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("does not take a lost connection for a silence", async () => {
    const pulling = pull(1);
    Object.assign(nats.link, { isUp: false });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
    Object.assign(nats.link, { isUp: true });
    await vi.advanceTimersByTimeAsync(2_000);
    await pulling;
  });

  it("is silent about a silence in which nobody waits", async () => {
    const pulling = pull(1);
    nats.deliver(1);
    await pulling;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(nats.drained).toBe(0);
  });

  it("ends all pulls when the connection is lost, and asks anew", async () => {
    const pulling = pull(3);
    nats.watcher.onLost?.();
    await pulling;
    void pull(3);
    expect(nats.requests.map(({ batch }) => batch)).toEqual([3, 3]);
    expect(nats.subscriptions).toBe(2);
  });

  it("says what the server forbids", async () => {
    const pulling = pull(1);
    nats.watcher.onRefused?.("publish", API, new Error("no"));
    nats.watcher.onRefused?.("publish", "elsewhere", new Error("no"));
    await pulling;
    expect(ended).toEqual(["pull: FloxideError"]);
  });

  it("knows the error of a consumer that is gone by its class", () => {
    expect(new ConsumerGone("c")).toBeInstanceOf(Error);
  });
});
