import { FloxideError } from "../core/errors.ts";
import { cut } from "../core/issues.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** Whether it looks like a workflow: another copy of floxide may have made it, so that only its looks count. */
export function isWorkflow(value: unknown): value is AnyWorkflow {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, start, fingerprint, nodes, edges } = value as Partial<AnyWorkflow>;
  return (
    typeof name === "string" &&
    typeof version === "number" &&
    typeof start === "string" &&
    typeof fingerprint === "string" &&
    typeof nodes === "object" &&
    nodes !== null &&
    typeof edges === "object" &&
    edges !== null
  );
}

const noWorkflow = (): FloxideError =>
  new FloxideError("definition", "what was given is no workflow: give what workflow() returns");

/** The workflows that a process knows, by name and version. */
export class WorkflowRegistry {
  /** By name; versions in rising order. */
  readonly #byName: ReadonlyMap<string, readonly AnyWorkflow[]>;

  /**
   * Takes in workflows, several versions of a name side by side. The same one twice is taken once.
   *
   * @throws FloxideError `fingerprint` where two graphs have the same name and version, `definition` for what is none
   */
  constructor(workflows: readonly AnyWorkflow[]) {
    const byName = new Map<string, AnyWorkflow[]>();
    for (const workflow of workflows) {
      if (!isWorkflow(workflow)) throw noWorkflow();
      const versions = byName.get(workflow.name) ?? [];
      const known = versions.find(({ version }) => version === workflow.version);
      if (known !== undefined) {
        refuseOther(known, workflow);
        continue;
      }
      versions.push(workflow);
      byName.set(workflow.name, versions);
    }
    for (const versions of byName.values()) versions.sort((a, b) => a.version - b.version);
    this.#byName = byName;
  }

  /**
   * The workflow of that name and version.
   *
   * @param version - the highest where none is given
   * @throws FloxideError `not_found` naming what there is
   */
  get(name: string, version?: number): AnyWorkflow {
    const found = this.find(name, version);
    if (found !== null) return found;
    const versions = this.#byName.get(name) ?? [];
    throw new FloxideError("not_found", this.#missing(name, version, versions), {
      details: { workflow: cut(name, 100), ...(version === undefined ? {} : { version }) },
    });
  }

  /** As {@link get}, but null where there is none. */
  find(name: string, version?: number): AnyWorkflow | null {
    const versions = this.#byName.get(name) ?? [];
    const found =
      version === undefined ? versions.at(-1) : versions.find((one) => one.version === version);
    return found ?? null;
  }

  /** Names of all workflows, sorted. */
  names(): string[] {
    return [...this.#byName.keys()].sort();
  }

  /** All versions of all workflows, by name and version. */
  all(): AnyWorkflow[] {
    return this.names().flatMap((name) => this.#byName.get(name) ?? []);
  }

  #missing(name: string, version: number | undefined, versions: readonly AnyWorkflow[]): string {
    if (version !== undefined && versions.length > 0) {
      const known = versions.map((one) => one.version).join(", ");
      return `there is no version ${version} of workflow "${name}"; there is ${known}`;
    }
    const names = this.names().map((one) => `"${one}"`);
    return `there is no workflow "${cut(name, 100)}"; there is ${names.length === 0 ? "none" : names.join(", ")}`;
  }
}

function refuseOther(known: AnyWorkflow, other: AnyWorkflow): void {
  if (known.fingerprint === other.fingerprint) return;
  const { name, version } = known;
  throw new FloxideError(
    "fingerprint",
    `two different graphs are called workflow "${name}" version ${version}: give the changed one a new version`,
    {
      details: {
        workflow: name,
        version,
        fingerprints: [known.fingerprint, other.fingerprint],
      },
    },
  );
}
