import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A TCP proxy before a server, to break connections at will.
 *
 * @example
 * await using proxy = await TcpProxy.before(server.port);
 * proxy.holdReplies();
 * proxy.cut();
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] | null = null;
  #swallows = false;

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  static async before(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** For clients. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy is closed");
    return `nats://127.0.0.1:${address.port}`;
  }

  /** Keeps what the server says, until {@link release} or {@link cut}. */
  holdReplies(): void {
    this.#held ??= [];
  }

  /** Lets what was kept pass, and all that comes. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const send of held) send();
  }

  /** Throws away what the client says, until {@link cut}: it must be cut, as half a message may be lost. */
  swallowRequests(): void {
    this.#swallows = true;
  }

  /** Breaks all connections. New ones are let through, both ways. */
  cut(): void {
    this.#held = null;
    this.#swallows = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    const end = () => {
      for (const socket of [client, server]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (data) => {
      if (!this.#swallows) server.write(data);
    });
    server.on("data", (data) => {
      if (this.#held === null) client.write(data);
      else this.#held.push(() => client.write(data));
    });
  }
}
