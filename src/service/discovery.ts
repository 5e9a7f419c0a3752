import type { EndpointFigures } from "./endpoint-stats.ts";
import type { VerbDescription } from "./verbs.ts";

// Discovery of NATS micro services, so that `nats micro ls`, `info` and `stats` find this one.
// Source: NATS ADR-32, https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md

/** Who answers. */
export interface ServiceIdentity {
  /** Shared by all services of a namespace. */
  readonly name: string;
  /** This one's own: one subject token. */
  readonly id: string;
  /** A semantic version. */
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One verb, where it listens, and what it has done. */
export interface ServiceEndpoint {
  readonly described: VerbDescription;
  readonly subject: string;
  readonly group: string;
  readonly figures: EndpointFigures;
}

export type DiscoveryKind = "PING" | "INFO" | "STATS";
export const DISCOVERY_KINDS: readonly DiscoveryKind[] = ["PING", "INFO", "STATS"];

/** All subjects that a question of a kind may come on: to everybody, to this kind of service, to this one. */
export function discoverySubjects(kind: DiscoveryKind, { name, id }: ServiceIdentity): string[] {
  return [`$SRV.${kind}`, `$SRV.${kind}.${name}`, `$SRV.${kind}.${name}.${id}`];
}

/** The answer to a question of a kind. */
export function discoveryReply(
  kind: DiscoveryKind,
  identity: ServiceIdentity,
  startedAt: string,
  endpoints: readonly ServiceEndpoint[],
): object {
  switch (kind) {
    case "PING":
      return { type: "io.nats.micro.v1.ping_response", ...identity };
    case "INFO":
      return {
        type: "io.nats.micro.v1.info_response",
        ...identity,
        description: "Starts, watches and steers floxide runs",
        endpoints: endpoints.map(({ described, subject, group }) => ({
          name: described.verb,
          subject,
          queue_group: group,
          metadata: {
            summary: described.summary,
            gives: described.gives,
            request: JSON.stringify(described.request),
            example: JSON.stringify(described.example),
          },
        })),
      };
    case "STATS":
      return {
        type: "io.nats.micro.v1.stats_response",
        ...identity,
        started: startedAt,
        endpoints: endpoints.map(({ described, subject, group, figures }) => ({
          name: described.verb,
          subject,
          queue_group: group,
          ...figures,
        })),
      };
  }
}
