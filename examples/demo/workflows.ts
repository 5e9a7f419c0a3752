import type { AnyWorkflow } from "../../src/index.ts";
import { text } from "../01-text.ts";
import { quote } from "../03-error-fallback.ts";
import { sentence } from "../05-split-join.ts";
import { expense } from "../07-approval.ts";
import { order } from "../10-order.ts";
import { wordCount } from "../11-word-count.ts";

/** What the demo runs: a chain, a fallback, a fork, holds, retries, and forks in a fork. */
export const WORKFLOWS: readonly AnyWorkflow[] = [text, quote, sentence, expense, order, wordCount];
