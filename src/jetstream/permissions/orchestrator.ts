import { consumerApi, streamApi } from "../api-subjects.ts";
import type { Table } from "../names.ts";
import { connecting, discovery, readingAll, streamsOf, watchingEnds } from "./reading.ts";
import { both, type Grantee, type Permissions, type Role } from "./role.ts";

/** How long a request may wait for its answer: `wait` takes an hour at most. */
const ANSWER_MINUTES = 61;

/** Buckets that an orchestrator writes to. Heartbeats and errors are the workers' own. */
const WRITTEN: readonly Table[] = ["context", "values", "runs", "metrics"];

/** An orchestrator service, or a program with an orchestrator in it: also makes the streams. */
export const orchestrator: Role = {
  summary: "answers the API, starts, steers and repairs runs, makes the streams",
  byWorkflow: false,
  throughApi: null,
  direct: (grantee) => both(serving(grantee), steering(grantee)),
};

/** What starts, commands to runs and repairs need. */
export function steering({ names, inbox }: Grantee): Permissions {
  const { workStream } = names;
  return {
    publish: [
      ...connecting(names),
      ...readingAll(names),
      ...watchingEnds(names),
      ...WRITTEN.map((table) => `${names.bucketPrefix(table)}>`),
      names.workOf("*"),
      names.schedOf("*"),
      names.startAll,
      names.historyOf("*"),
      names.controlAll,
      streamApi.deleteMessage(workStream),
      streamApi.purge(workStream),
      // A repair after a restore makes consumers anew that are ahead of the queue. A workflow that nobody has worked for gets
      // its consumers with its first run.
      consumerApi.delete(workStream, "*"),
      ...(["start", "work"] as const).map((kind) =>
        consumerApi.create(workStream, "*", names.consumerFilter(kind, "*")),
      ),
    ],
    subscribe: [`${inbox}.>`],
    answers: null,
  };
}

function serving({ names, inbox }: Grantee): Permissions {
  return {
    publish: [
      ...streamsOf(names).flatMap((stream) => [streamApi.create(stream), streamApi.update(stream)]),
      // Nobody acknowledges there; without it the server would keep each reply subject as one that may be answered.
      consumerApi.acks(names.bucketStream("runs"), "*"),
    ],
    subscribe: [`${inbox}.>`, names.api(">"), ...discovery(names)],
    answers: { max: 1, withinMinutes: ANSWER_MINUTES },
  };
}
