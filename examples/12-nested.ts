// A whole workflow as one node of another. It runs inside one attempt of the outer node, shares the outer run's context,
// and can be tested and run by itself.

import { z } from "zod";
import {
  counter,
  nested,
  next,
  node,
  runLocal,
  split,
  variant,
  variants,
  workflow,
} from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Contact = z.object({ kind: z.enum(["mail", "phone", "unknown"]), value: z.string() });
const Totals = { fixed: counter() };

const trim = node({
  context: Totals,
  input: z.string(),
  output: variants({ mail: z.string(), phone: z.string(), unknown: z.string() }),
  run: (context, raw) => {
    const text = raw.trim();
    if (text !== raw) context.fixed.add();
    const kind = text.includes("@") ? "mail" : /^[+\d][\d /-]*$/.test(text) ? "phone" : "unknown";
    return next(variant(kind, text));
  },
});

const mail = node({
  input: z.string(),
  output: Contact,
  run: (_context, text) => next({ kind: "mail", value: text.toLowerCase() }),
});

const phone = node({
  input: z.string(),
  output: Contact,
  run: (_context, text) => next({ kind: "phone", value: text.replace(/[ /-]/g, "") }),
});

const unknown = node({
  input: z.string(),
  output: Contact,
  run: (_context, value) => next({ kind: "unknown", value }),
});

/** The inner workflow, as good as any other: `runLocal(contact, " A@B.org")` works. */
export const contact = workflow({
  name: "contact",
  version: 1,
  context: Totals,
  nodes: { trim, mail, phone, unknown },
  start: "trim",
  edges: {
    trim: { on: { mail: ["mail"], phone: ["phone"], unknown: ["unknown"] } },
    mail: [],
    phone: [],
    unknown: [],
  },
});

const lines = split({ input: z.string(), output: z.string(), into: (text) => text.split("\n") });

const list = node({
  context: Totals,
  input: z.array(Contact),
  output: z.object({ contacts: z.array(Contact), fixed: z.number() }),
  run: (context, contacts) => next({ contacts, fixed: context.fixed.get() }),
});

/** The outer workflow must have all context fields of the inner one. */
export const contacts = workflow({
  name: "contacts",
  version: 1,
  context: Totals,
  nodes: { lines, contact: nested(contact), list },
  start: "lines",
  edges: { lines: ["contact"], contact: { join: "list" }, list: [] },
});

await runDirectly(import.meta, async () => {
  console.log(await runLocal(contact, " Info@Example.ORG"));
  console.log(await runLocal(contacts, "Info@Example.ORG\n +49 30 / 1234-5\nnobody"));
});
