import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Somebody with a socket: publishes what no client would. */
export class RawPublisher {
  readonly #socket: Socket;
  #heard: (() => void)[] = [];
  /** What the server said against it. */
  readonly errors: string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data.toString()));
    socket.on("error", () => {});
  }

  static async connect(url: string): Promise<RawPublisher> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const publisher = new RawPublisher(socket);
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
    return publisher;
  }

  /** @param headers - the block as it stands on the wire; null for none */
  publish(subject: string, body: string, headers: string | null = null, reply = ""): void {
    const data = Buffer.from(body);
    const to = reply === "" ? subject : `${subject} ${reply}`;
    const block = Buffer.from(headers ?? "");
    const line =
      headers === null
        ? `PUB ${to} ${data.length}\r\n`
        : `HPUB ${to} ${block.length} ${block.length + data.length}\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(line), block, data, Buffer.from("\r\n")]));
  }

  /** Resolves when the server has read all that was published. */
  async flush(): Promise<void> {
    const heard = new Promise<void>((resolve) => this.#heard.push(resolve));
    this.#socket.write("PING\r\n");
    await heard;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    if (text.includes("PING")) this.#socket.write("PONG\r\n");
    for (const _ of text.matchAll(/PONG/g)) this.#heard.shift()?.();
    const [error] = /-ERR [^\r]*/.exec(text) ?? [];
    if (error !== undefined) this.errors.push(error);
  }
}
