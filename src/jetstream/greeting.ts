import { connect } from "node:net";
import { z } from "zod";
import { hostAndPort } from "./tls.ts";

const InfoSchema = z.looseObject({ tls_verify: z.boolean().optional() });
type Greeting = z.output<typeof InfoSchema>;

const PATIENCE_MS = 1_000;

/**
 * What a server says of itself before anybody has logged in; null where none answers. The client keeps it to itself when
 * a connect fails.
 */
export function greetingOf(server: string): Promise<Greeting | null> {
  const { host, port } = hostAndPort(server);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    let text = "";
    const end = (greeting: Greeting | null): void => {
      socket.destroy();
      resolve(greeting);
    };
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
      const [, said] = /^INFO (\{.*\})\s*\r\n/.exec(text) ?? [];
      if (said !== undefined) end(InfoSchema.safeParse(JSON.parse(said)).data ?? null);
    });
    for (const event of ["error", "timeout", "close"]) socket.on(event, () => end(null));
  });
}
