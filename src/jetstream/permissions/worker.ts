import { consumerApi, streamApi } from "../api-subjects.ts";
import type { Names } from "../names.ts";
import { connecting } from "./reading.ts";
import type { Grantee, Permissions, Role } from "./role.ts";

/** How long an orchestrator waits for the answer to a command, at most. */
const ANSWER_MINUTES = 1;

/** Executes work of its workflows. */
export const worker: Role = {
  summary: "executes work",
  byWorkflow: true,
  throughApi: null,
  direct,
};

function direct({ names, workflows, inbox }: Grantee): Permissions {
  const key = (table: "context" | "values" | "metrics" | "errors" | "liveness", pattern: string) =>
    names.bucketPrefix(table) + pattern;
  const contexts = names.bucketStream("context");
  const values = names.bucketStream("values");
  const runs = names.bucketStream("runs");
  return {
    publish: [
      ...connecting(names),
      ...workflows.flatMap((workflow) => ofWorkflow(names, workflow)),
      streamApi.getLast(contexts, key("context", "*")),
      streamApi.getMessage(contexts),
      streamApi.getBatch(contexts),
      streamApi.getLast(values, key("values", "*.*")),
      streamApi.getMessage(values),
      streamApi.getBatch(runs),
      streamApi.getMessage(runs),
      // These keys do not say the workflow.
      key("context", "*"),
      key("values", "*.*"),
      key("metrics", "*"),
      key("errors", "*.*.*"),
      key("liveness", "*"),
      names.controlAll,
    ],
    subscribe: [`${inbox}.>`, names.controlAll],
    answers: { max: 1, withinMinutes: ANSWER_MINUTES },
  };
}

function ofWorkflow(names: Names, workflow: string): readonly string[] {
  const { workStream } = names;
  const consumers = (["start", "work"] as const).flatMap((kind) => {
    const consumer = workflow === "*" ? "*" : names.consumer(kind, workflow);
    return [
      consumerApi.info(workStream, consumer),
      consumerApi.create(workStream, consumer, names.consumerFilter(kind, workflow)),
      consumerApi.next(workStream, consumer),
      consumerApi.acks(workStream, consumer),
    ];
  });
  return [
    ...new Set(consumers),
    names.workOf(workflow),
    names.schedOf(workflow),
    names.historyOf(workflow),
    names.deadOf(workflow),
    names.runsOf(workflow),
  ];
}
