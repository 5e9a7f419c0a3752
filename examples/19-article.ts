// The pipeline that language models are put into: outline, sections written in parallel, joined, reviewed, and revised until
// the review is content. `write` stands for the model: a call that is slow, may fail, and must not be paid for twice.

import { z } from "zod";
import { counter, next, node, runLocal, split, variant, variants, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";
import { write } from "./support/writer.ts";

const Brief = z.object({
  topic: z.string(),
  sections: z.number().int().positive(),
  /** Sentences that the review wants in each section. */
  sentences: z.number().int().positive(),
});
const Section = Brief.extend({ heading: z.string(), text: z.string() });
const Draft = z.object({ brief: Brief, sections: z.array(Section), round: z.number().int() });
const Review = z.object({ draft: Draft, tooShort: z.array(z.string()) });

const Usage = { calls: counter() };
const retry = { maxAttempts: 3, initialMs: 100 };
const MAX_ROUNDS = 5;

const outline = split({
  input: Brief,
  output: Section,
  into: (brief) =>
    Array.from({ length: brief.sections }, (_, i) => ({
      ...brief,
      heading: `${i + 1}. ${brief.topic}, part ${i + 1}`,
      text: "",
    })),
});

const section = node({
  context: Usage,
  input: Section,
  output: Section,
  retry,
  run: ({ calls }, given) => {
    calls.add();
    return next({ ...given, text: write(given.heading, 1) });
  },
});

const assemble = node({
  input: z.array(Section),
  output: Draft,
  run: (_context, sections) => {
    const [{ topic, sentences } = { topic: "", sentences: 1 }] = sections;
    const brief = { topic, sentences, sections: sections.length };
    return next({ brief, sections, round: 1 });
  },
});

const review = node({
  input: Draft,
  output: variants({ good: Draft, short: Review }),
  run: (_context, draft) => {
    const { brief, sections, round } = draft;
    const tooShort = sections
      .filter(({ text }) => text.split(". ").length < brief.sentences)
      .map(({ heading }) => heading);
    if (tooShort.length === 0 || round >= MAX_ROUNDS) return next(variant("good", draft));
    return next(variant("short", { draft, tooShort }));
  },
});

const revise = node({
  context: Usage,
  input: Review,
  output: Draft,
  retry,
  run: ({ calls }, { draft, tooShort }) => {
    const round = draft.round + 1;
    const sections = draft.sections.map((one) => {
      if (!tooShort.includes(one.heading)) return one;
      calls.add();
      return { ...one, text: write(one.heading, round) };
    });
    return next({ ...draft, sections, round });
  },
});

const publish = node({
  context: Usage,
  input: Draft,
  output: z.object({ text: z.string(), rounds: z.number(), calls: z.number() }),
  run: ({ calls }, { brief, sections, round }) => {
    const body = sections.map(({ heading, text }) => `## ${heading}\n\n${text}\n`);
    return next({
      text: [`# ${brief.topic}\n`, ...body].join("\n"),
      rounds: round,
      calls: calls.get(),
    });
  },
});

export const article = workflow({
  name: "article",
  version: 1,
  context: Usage,
  nodes: { outline, section, assemble, review, revise, publish },
  start: "outline",
  edges: {
    outline: ["section"],
    section: { join: "assemble" },
    assemble: ["review"],
    review: { on: { good: ["publish"], short: ["revise"] } },
    revise: ["review"],
    publish: [],
  },
});

await runDirectly(import.meta, async () => {
  const brief = { topic: "Durable workflows", sections: 3, sentences: 3 };
  const { text, rounds, calls } = await runLocal(article, brief);
  console.log(`${text}\n(${rounds} rounds, ${calls} calls)`);
});
