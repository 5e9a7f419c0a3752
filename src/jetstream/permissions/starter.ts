import type { Grantee, Permissions, Role } from "./role.ts";
import { STARTING_VERBS } from "./verbs.ts";

/** Starts runs of some workflows, and sees no more of them than that they were accepted. */
export const starter: Role = {
  summary: "starts runs",
  byWorkflow: true,
  throughApi,
  direct: (grantee) => ({
    ...throughApi(grantee),
    publish: [
      ...throughApi(grantee).publish,
      ...grantee.workflows.map((workflow) => grantee.names.start(workflow)),
    ],
  }),
};

function throughApi({ names, workflows, inbox }: Grantee): Permissions {
  const all = workflows.includes("*");
  const verbs = STARTING_VERBS.flatMap((verb) => [
    // In the body of the bare verb stands any workflow.
    ...(all ? [names.api(verb)] : []),
    ...workflows.map((workflow) => names.api(`${verb}.${workflow}`)),
  ]);
  return { publish: verbs, subscribe: [`${inbox}.>`], answers: null };
}
