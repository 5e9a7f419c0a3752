import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { NodeConnectionOptions } from "@nats-io/transport-node";
import { z } from "zod";
import { read, unusable } from "./credentials.ts";

const DEFAULT_PORT = 4_222;

/** Files for TLS, in PEM. */
export const TlsSchema = z.strictObject({
  /** CA of the server, where the system does not know it. */
  caFile: z.string().optional(),
  /** Certificate of this client, for a server that wants one. */
  certFile: z.string().optional(),
  /** Key of that certificate. */
  keyFile: z.string().optional(),
  /** True for a server that speaks TLS from the first byte on. */
  handshakeFirst: z.boolean().optional(),
});
type TlsOptions = z.output<typeof TlsSchema>;

/**
 * Options for TLS: where they are given, and where a server is named by `tls://`. The client would take that for a wish.
 *
 * @returns null where it is left to the server
 * @throws FloxideError `validation` for files that cannot be used
 */
export function tlsOf(
  tls: TlsOptions | undefined,
  servers: readonly string[],
): NonNullable<NodeConnectionOptions["tls"]> | null {
  const isNamed = servers.some((server) => server.startsWith("tls://"));
  if (tls === undefined && !isNamed) return null;
  const { caFile, certFile, keyFile, handshakeFirst } = tls ?? {};
  // The client reads them too, but what goes wrong there is not said by the option.
  check(caFile, "the certificate of the CA", "CERTIFICATE");
  check(certFile, "the certificate", "CERTIFICATE");
  check(keyFile, "the key of the certificate", "PRIVATE KEY");
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(handshakeFirst === undefined ? {} : { handshakeFirst }),
    ...identityCheck(servers),
  };
}

function check(path: string | undefined, what: string, kind: string): void {
  if (path === undefined || Buffer.from(read(path, what)).includes(kind)) return;
  throw unusable(path, what, `it holds no PEM block with a ${kind}`);
}

/**
 * The client (3.4) gives no name for a server that is an IP address, and Node then takes a certificate for "localhost"
 * and no other. So a name that is not among the servers stands for the addresses that are.
 */
function identityCheck(servers: readonly string[]): object {
  const hosts = servers.map((server) => hostAndPort(server).host);
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  if (addresses.length === 0 || hosts.includes("localhost")) return {};
  return {
    checkServerIdentity: (host: string, certificate: PeerCertificate): Error | undefined => {
      if (host !== "localhost") return checkServerIdentity(host, certificate);
      const errors = addresses.map((address) => checkServerIdentity(address, certificate));
      return errors.includes(undefined) ? undefined : errors[0];
    },
  };
}

/** Host and port of `host`, `host:port`, `[v6]:port` or a URL. */
export function hostAndPort(server: string): { readonly host: string; readonly port: number } {
  const rest = server.replace(/^\w+:\/\//, "").replace(/^.*@/, "");
  if (isIP(rest) !== 0) return { host: rest, port: DEFAULT_PORT };
  const [, bracketed, plain = "", port] = /^(?:\[(.*?)\]|([^:/]*))(?::(\d+))?/.exec(rest) ?? [];
  return { host: bracketed ?? plain, port: Number(port ?? DEFAULT_PORT) };
}

/** Said where the server demands a certificate of its clients. */
export const WANTS_CERTIFICATE =
  "the server refuses TLS with this client: it wants a certificate that its CA has signed (tls.certFile, --tls-cert)";

const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** What went wrong with TLS, and what to do; null where it was something else. */
export function explainTls(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  // Errors of the JetStream API have numbers.
  const code = String((error as { readonly code?: unknown }).code ?? "");
  if (UNTRUSTED.has(code)) {
    return `this process does not trust the certificate of the server (${error.message}): give its CA (tls.caFile, --tls-ca)`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate of the server is not for this address (${error.message})`;
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return `the certificate of the server does not hold now (${error.message})`;
  }
  if (code.startsWith("ERR_SSL_") && /alert/.test(error.message)) {
    return WANTS_CERTIFICATE;
  }
  if (/does not support 'tls'/.test(error.message))
    return "the server offers no TLS, which is demanded";
  return null;
}
