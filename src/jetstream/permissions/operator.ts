import { observer } from "./observer.ts";
import { steering } from "./orchestrator.ts";
import { both, type Grantee, type Permissions, type Role } from "./role.ts";
import { STEERING_VERBS } from "./verbs.ts";

/** Looks at all runs and steers them; starts none. */
export const operator: Role = {
  summary: "looks at runs and steers them",
  byWorkflow: false,
  throughApi,
  direct: (grantee) => both(throughApi(grantee), both(observer.direct(grantee), steering(grantee))),
};

function throughApi(grantee: Grantee): Permissions {
  const { names } = grantee;
  const seen = (observer.throughApi ?? observer.direct)(grantee);
  return { ...seen, publish: [...STEERING_VERBS.map((verb) => names.api(verb)), ...seen.publish] };
}
