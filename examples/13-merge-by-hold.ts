// Branches of different kinds that meet in one node. Each arrival leaves what it brings in the context; the last one sees in
// the context that all have come and goes on, the others `hold()`. However the branches race, exactly one is the last: an
// answer of `hold()` counts only if the context is still what the node saw.

import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { field, hold, next, node, runLocal, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Part = z.object({ name: z.string(), text: z.string() });

/** Parts by name: the merge of two such records is a monoid, and parts of different names do not touch. */
const Trip = {
  parts: field<Record<string, string>>({
    empty: {},
    merge: (left, right) => ({ ...left, ...right }),
    schema: z.record(z.string(), z.string()),
  }),
};
const NEEDED = ["flight", "hotel", "museum"];

const plan = node({ input: z.string(), output: z.string(), run: (_c, city) => next(city) });

/** A branch: takes some time, and gives one part of the trip. */
const book = (name: string, ms: number) =>
  node({
    input: z.string(),
    output: Part,
    run: async ({ signal }, city) => {
      await wait(ms, undefined, { signal });
      return next({ name, text: `${name} in ${city}` });
    },
  });

const meet = node({
  context: Trip,
  input: Part,
  output: z.array(z.string()),
  run: ({ parts }, { name, text }) => {
    parts.merge({ [name]: text });
    const all = parts.get();
    if (!NEEDED.every((needed) => needed in all)) return hold();
    return next(NEEDED.map((needed) => all[needed] ?? ""));
  },
});

export const trip = workflow({
  name: "trip",
  version: 1,
  context: Trip,
  nodes: {
    plan,
    flight: book("flight", 30),
    hotel: book("hotel", 10),
    museum: book("museum", 20),
    meet,
  },
  start: "plan",
  edges: {
    plan: ["flight", "hotel", "museum"],
    flight: ["meet"],
    hotel: ["meet"],
    museum: ["meet"],
    meet: [],
  },
});

await runDirectly(import.meta, async () => {
  console.log(await runLocal(trip, "Lisbon"));
});
