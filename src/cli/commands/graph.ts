import { type Command, Option } from "commander";
import { FloxideError } from "../../core/errors.ts";
import { type AnyWorkflow, toDot, toMermaid, WorkflowRegistry } from "../../workflows/index.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { loadWorkflows } from "../load-workflows.ts";

/** Adds `graph`. */
export function addGraphCommand(program: Command, act: Act): void {
  program
    .command("graph")
    .summary("draw a workflow")
    .description("Draws a workflow of a module, as Mermaid or Graphviz text. Needs no server.")
    .argument("<module>", "a .ts or .js file that exports workflows")
    .argument("[workflow]", "which one; may be left out where the module has only one")
    .addOption(
      new Option("--format <format>", "of the drawing")
        .choices(["mermaid", "dot"])
        .default("mermaid"),
    )
    .option(
      "--workflow-version <n>",
      "version of the workflow (default: the highest)",
      wholeNumber(1),
    )
    .addHelpText(
      "after",
      examples(
        "floxide graph flows.ts order",
        "floxide graph flows.ts --format dot | dot -Tsvg > flow.svg",
      ),
    )
    .action(
      act(async (cli, [path = "", name], command) => {
        const { format, workflowVersion } = command.opts<{
          format: "mermaid" | "dot";
          workflowVersion?: number;
        }>();
        const workflow = chosen(
          await loadWorkflows([path], cli.io.cwd),
          path,
          name,
          workflowVersion,
        );
        const graph = format === "dot" ? toDot(workflow) : toMermaid(workflow);
        const { name: drawn, version } = workflow;
        cli.answer({ workflow: drawn, version, format, graph }, () => graph);
      }),
    );
}

function chosen(
  workflows: readonly AnyWorkflow[],
  path: string,
  name: string | undefined,
  version: number | undefined,
): AnyWorkflow {
  const registry = new WorkflowRegistry(workflows);
  const [only, ...others] = registry.names();
  if (name === undefined && others.length > 0) {
    const names = registry.names().map((one) => `"${one}"`);
    throw new FloxideError(
      "validation",
      `${path} has several workflows: say which of ${names.join(", ")}`,
      {
        details: { workflows: registry.names() },
      },
    );
  }
  return registry.get(name ?? only ?? "", version);
}
