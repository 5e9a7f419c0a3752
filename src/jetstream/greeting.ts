import { connect } from "node:net";
import { z } from "zod";
import { hostAndPort } from "./tls.ts";

const InfoSchema = z.looseObject({
  tls_verify: z.boolean().optional(),
  tls_required: z.boolean().optional(),
});
type Greeting = z.output<typeof InfoSchema>;

const PATIENCE_MS = 1_000;
/** In characters. A server in a cluster names all others in it. */
const LONGEST_GREETING = 65_536;

/** How far a client comes with a server, when it does not come in. */
interface Reach {
  /** True where the server takes connections. */
  readonly isOpen: boolean;
  /** Why the client is out, in words. */
  readonly reason: string;
}

/** Looks how far a client comes. */
export async function reachOf(server: string): Promise<Reach> {
  const { greeting, error, isOpen } = await look(server);
  if (isOpen && greeting === null) return { isOpen, reason: SAYS_NOTHING };
  if (isOpen) {
    const isTls = greeting?.tls_required === true;
    return { isOpen, reason: isTls ? "the server answers, but TLS with it fails" : NOT_LET_IN };
  }
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return { isOpen, reason: "the connection is refused" };
  return { isOpen, reason: message ?? "nothing answers" };
}

const SAYS_NOTHING =
  "the server takes the connection, but does not greet: it hangs, or speaks TLS from the first byte on, which fails";
const NOT_LET_IN = "the server answers, but does not let the client in";

/**
 * What a server says of itself before anybody has logged in; null where none answers. The client keeps it to itself when
 * a connect fails.
 */
export async function greetingOf(server: string): Promise<Greeting | null> {
  return (await look(server)).greeting;
}

interface Look {
  readonly greeting: Greeting | null;
  readonly error: Error | null;
  readonly isOpen: boolean;
}

function look(server: string): Promise<Look> {
  const { host, port } = hostAndPort(server);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    let text = "";
    let isOpen = false;
    const end = (greeting: Greeting | null, error: Error | null = null): void => {
      socket.destroy();
      resolve({ greeting, error, isOpen });
    };
    socket.on("connect", () => {
      isOpen = true;
    });
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
      const lineEnd = text.indexOf("\n");
      if (lineEnd !== -1) end(readGreeting(text.slice(0, lineEnd)));
      else if (text.length > LONGEST_GREETING) end(null);
    });
    socket.on("error", (error) => end(null, error));
    for (const event of ["timeout", "close"]) socket.on(event, () => end(null));
  });
}

/** Null where it is something else: anything may listen on a port. */
function readGreeting(line: string): Greeting | null {
  try {
    const [, said = ""] = /^INFO (\{.*\})\s*$/.exec(line) ?? [];
    return InfoSchema.safeParse(JSON.parse(said)).data ?? null;
  } catch {
    return null;
  }
}
