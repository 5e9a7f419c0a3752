import { consumerApi, streamApi } from "../api-subjects.ts";
import { type Names, TABLES, type Table } from "../names.ts";

/** All streams of a namespace: buckets are streams too. */
export const streamsOf = (names: Names): readonly string[] => [
  names.workStream,
  ...TABLES.map((table) => names.bucketStream(table)),
  names.historyStream,
  names.deadStream,
];

/** Every client looks at every stream when it connects: whether it is there and as it should be. */
export const connecting = (names: Names): readonly string[] => streamsOf(names).map(streamApi.info);

/** Reads of everything that is stored, in the ways that the stores read. */
export const readingAll = (names: Names): readonly string[] => {
  const last = (table: Table) =>
    streamApi.getLast(names.bucketStream(table), `${names.bucketPrefix(table)}*`);
  const batches = [
    names.workStream,
    ...(["context", "runs", "errors", "liveness"] as const).map(names.bucketStream),
    names.historyStream,
    names.deadStream,
  ];
  return [
    ...batches.map(streamApi.getBatch),
    last("context"),
    streamApi.getLast(names.bucketStream("values"), `${names.bucketPrefix("values")}*.*`),
    last("metrics"),
    streamApi.getMessage(names.workStream),
    streamApi.getMessage(names.bucketStream("context")),
    streamApi.getMessage(names.bucketStream("values")),
    streamApi.getMessage(names.bucketStream("runs")),
    streamApi.getMessage(names.bucketStream("liveness")),
    consumerApi.list(names.workStream),
    consumerApi.info(names.workStream, "*"),
  ];
};

/** What watching runs as they end needs: a consumer of the run infos, which goes by itself. */
export const watchingEnds = (names: Names): readonly string[] => {
  const stream = names.bucketStream("runs");
  return [consumerApi.createUnnamed(stream), consumerApi.flow(stream)];
};

/** Where the service answers questions of NATS micro tools, as they ask them. */
export const discovery = (names: Names): readonly string[] =>
  ["PING", "INFO", "STATS"].flatMap((kind) => [
    `$SRV.${kind}`,
    `$SRV.${kind}.${names.service}`,
    `$SRV.${kind}.${names.service}.*`,
  ]);
