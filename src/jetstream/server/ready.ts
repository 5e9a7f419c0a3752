import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 10;

/**
 * Waits until a server has written the file with its ports and answers on the first of them. The
 * server starts JetStream, and recovers what is stored, before it listens: one that answers is ready.
 *
 * @param portsDir the server's `--ports_file_dir`, with nothing of an earlier server in it.
 * @returns the address for clients, for example `nats://127.0.0.1:4222`.
 * @throws Error when the server runs without JetStream.
 */
export async function waitUntilReady(portsDir: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const url = await clientUrlIn(portsDir);
    if (url !== null) {
      const { jetstream } = await readInfo(url, signal);
      if (jetstream !== true) throw new Error(`the server at ${url} runs without JetStream`);
      return url;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Null as long as the file is missing or not written to its end. */
async function clientUrlIn(portsDir: string): Promise<string | null> {
  const name = (await readdir(portsDir)).find((entry) => entry.endsWith(".ports"));
  if (name === undefined) return null;
  try {
    const ports = JSON.parse(await readFile(join(portsDir, name), "utf8")) as { nats?: string[] };
    return ports.nats?.[0] ?? null;
  } catch {
    return null;
  }
}

/** The first line that a server sends on each connection, before it asks who is there. */
async function readInfo(url: string, signal: AbortSignal): Promise<{ jetstream?: unknown }> {
  const { hostname, port } = new URL(url);
  // A URL writes an IPv6 address in brackets.
  const host = hostname.replaceAll(/[[\]]/g, "");
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), signal });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`${url} closed the connection`)));
    socket.on("data", (chunk) => {
      text += chunk;
      const info = /^INFO (.*)\r\n/.exec(text)?.[1];
      if (info === undefined) return;
      resolve(JSON.parse(info));
      socket.destroy();
    });
  });
}
