import { consumerApi, streamApi } from "../api-subjects.ts";
import { connecting, discovery, readingAll, watchingEnds } from "./reading.ts";
import { both, type Grantee, type Permissions, type Role } from "./role.ts";
import { READING_VERBS } from "./verbs.ts";

/** Looks at all runs of the namespace, with their inputs, contexts and outputs, and changes nothing. */
export const observer: Role = {
  summary: "looks at runs",
  byWorkflow: false,
  throughApi,
  direct: (grantee) => both(throughApi(grantee), onJetStream(grantee)),
};

function throughApi({ names, inbox }: Grantee): Permissions {
  return {
    publish: [...READING_VERBS.map((verb) => names.api(verb)), ...discovery(names)],
    subscribe: [`${inbox}.>`],
    answers: null,
  };
}

function onJetStream({ names, inbox }: Grantee): Permissions {
  // Reads and watches of the run infos with a KV client, consumers of the history: named ones with one filter.
  const followed = [names.bucketStream("runs"), names.historyStream];
  return {
    publish: [
      ...connecting(names),
      ...readingAll(names),
      ...watchingEnds(names),
      streamApi.getLast(names.bucketStream("runs"), names.runsOf("*")),
      ...followed.flatMap((stream) => [
        consumerApi.create(stream, "*", ">"),
        consumerApi.next(stream, "*"),
      ]),
      consumerApi.flow(names.historyStream),
    ],
    subscribe: [`${inbox}.>`, names.historyAll],
    answers: null,
  };
}
