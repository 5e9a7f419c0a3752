import { connect, createServer, type Server, type Socket } from "node:net";

/** How a wire is, when it is not as it should be. */
interface Trouble {
  /** Nothing passes and no connection breaks, as when packets are lost. */
  readonly silent: boolean;
  /** Milliseconds that everything is late. */
  readonly delayMs: number;
  /** What passes in a second, in bytes, each way. */
  readonly bytesPerSecond: number;
}

const FINE: Trouble = { silent: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

/**
 * The network between two processes of this machine: a TCP proxy whose wire can be cut, silent, slow or narrow.
 *
 * @example
 * await using wire = await Wire.to(server.port);
 * wire.silence();
 * wire.heal();
 */
export class Wire implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #refuses = false;
  #trouble = FINE;

  private constructor(target: () => number) {
    this.#server = createServer((near) => {
      if (this.#refuses) near.destroy();
      else this.#join(near, connect(target(), "127.0.0.1"));
    });
  }

  /** @param target - port of this machine, or what gives it for each new connection */
  static async to(target: number | (() => number)): Promise<Wire> {
    const wire = new Wire(typeof target === "number" ? () => target : target);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the wire is gone");
    return address.port;
  }

  /** For clients. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Loses everything without breaking a connection. What was sent meanwhile arrives late, as TCP sends it again. */
  silence(): void {
    this.#set({ ...FINE, silent: true });
  }

  /** Breaks all connections and refuses new ones. */
  cut(): void {
    this.#refuses = true;
    this.breakAll();
  }

  slow(delayMs: number): void {
    this.#set({ ...FINE, delayMs });
  }

  throttle(bytesPerSecond: number): void {
    this.#set({ ...FINE, bytesPerSecond });
  }

  /** As it should be. */
  heal(): void {
    this.#refuses = false;
    this.#set(FINE);
  }

  /** Breaks the connections that there are. */
  breakAll(): void {
    for (const link of this.#links) link.end();
    this.#links.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.breakAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #set(trouble: Trouble): void {
    this.#trouble = trouble;
    for (const link of this.#links) link.pump();
  }

  #join(near: Socket, far: Socket): void {
    const trouble = () => this.#trouble;
    const link = new Link(near, far, trouble, () => this.#links.delete(link));
    this.#links.add(link);
  }
}

/** One connection through a wire, both ways. */
class Link {
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [Lane, Lane];
  readonly #gone: () => void;

  constructor(near: Socket, far: Socket, trouble: () => Trouble, gone: () => void) {
    this.#sockets = [near, far];
    this.#gone = gone;
    const end = () => this.end();
    this.#lanes = [new Lane(near, far, trouble, end), new Lane(far, near, trouble, end)];
  }

  pump(): void {
    for (const lane of this.#lanes) lane.pump();
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const lane of this.#lanes) lane.drop();
    this.#gone();
  }
}

/** Bytes that one lane keeps before it stops reading. */
const ROOM_BYTES = 1024 * 1024;

/** One way of one connection. Order is kept whatever the wire does in between. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #trouble: () => Trouble;
  readonly #end: () => void;
  /** Null is the end of the connection: it travels as data does. */
  #waiting: { readonly data: Buffer | null; readonly at: number }[] = [];
  #bytes = 0;
  #freeAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, trouble: () => Trouble, end: () => void) {
    this.#from = from;
    this.#to = to;
    this.#trouble = trouble;
    this.#end = end;
    from.setNoDelay(true);
    from.on("data", (data) => this.#add(data));
    from.on("close", () => this.#add(null));
    // A close follows.
    from.on("error", () => {});
  }

  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#trouble().silent) return;
    const now = performance.now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (first.at > now) {
        this.#timer = setTimeout(() => this.pump(), first.at - now);
        return;
      }
      this.#waiting.shift();
      if (first.data === null) {
        this.#end();
        return;
      }
      this.#bytes -= first.data.length;
      this.#to.write(first.data);
    }
    this.#from.resume();
  }

  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }

  #add(data: Buffer | null): void {
    const { delayMs, bytesPerSecond } = this.#trouble();
    const bytes = data?.length ?? 0;
    const sent = Math.max(this.#freeAt, performance.now()) + (1_000 * bytes) / bytesPerSecond;
    this.#freeAt = sent;
    this.#waiting.push({ data, at: sent + delayMs });
    this.#bytes += bytes;
    if (this.#bytes > ROOM_BYTES) this.#from.pause();
    this.pump();
  }
}
