import { z } from "zod";
import { next, node, workflow } from "../../src/workflows/index.ts";
import { gate } from "./gate.ts";

/** A workflow of one node that says that it runs, and waits until the test lets all of them go on. */
export function gatedFlow<Name extends string>(name: Name) {
  const go = gate();
  const seen = { running: 0 };
  const flow = workflow({
    name,
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        run: async (_c, n) => {
          seen.running += 1;
          await go.promise;
          return next(n);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  return { flow, seen, go };
}
