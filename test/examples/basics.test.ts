import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { text } from "../../examples/01-text.ts";
import { inbox } from "../../examples/02-branching.ts";
import { quote } from "../../examples/03-error-fallback.ts";
import { delivery } from "../../examples/04-retry.ts";
import { sentence } from "../../examples/05-split-join.ts";
import { checksums } from "../../examples/06-batch.ts";
import { runLocal } from "../../src/index.ts";

test("01 cleans a text and measures it", async () => {
  expect(await runLocal(text, " a \n\t text ")).toEqual({
    text: "a text",
    words: 2,
    characters: 6,
  });
  expect(await runLocal(text, " ")).toEqual({ text: "", words: 0, characters: 0 });
});

test("02 follows the arm of each kind", async () => {
  expect(await runLocal(inbox, "send 12 cups")).toBe("12 cups on the way");
  expect(await runLocal(inbox, "How?")).toBe('about "How?": yes');
  expect(await runLocal(inbox, "hello")).toBe("hello");
});

test("03 asks the list where the market does not know", async () => {
  expect(await runLocal(quote, { item: "coffee", quantity: 2 })).toEqual({
    cents: 990,
    source: "market",
  });
  expect(await runLocal(quote, { item: "cocoa", quantity: 3 })).toEqual({
    cents: 840,
    source: "list",
  });
});

test("03 fails where the fallback fails as well", async () => {
  await expect(runLocal(quote, { item: "salt", quantity: 1 })).rejects.toMatchObject({
    code: "failed",
    failure: { node: "list", message: "nobody knows a price for salt" },
  });
});

test("04 tries again as often as its policy says, and no more", async () => {
  expect(await runLocal(delivery, { to: "home", closedDoors: 3 })).toEqual({
    to: "home",
    attempts: 4,
  });
  await expect(runLocal(delivery, { to: "home", closedDoors: 4 })).rejects.toMatchObject({
    failure: { node: "deliver", attempt: 4, fatal: false },
  });
});

test("04 does not try again what is fatal, and comes back when it is told to", async () => {
  await expect(runLocal(delivery, { to: "", closedDoors: 0 })).rejects.toMatchObject({
    failure: { attempt: 1, fatal: true },
  });
  expect(await runLocal(delivery, { to: "office", closedDoors: 0 })).toEqual({
    to: "office",
    attempts: 2,
  });
});

test("05 joins all parts, also none", async () => {
  expect(await runLocal(sentence, "Banana, sky!")).toEqual({
    words: 2,
    vowels: 3,
    longest: "Banana",
  });
  expect(await runLocal(sentence, "...")).toEqual({ words: 0, vowels: 0, longest: "" });
});

test("06 keeps the order of the list and leaves out what holds", async () => {
  const texts = Array.from({ length: 9 }, (_, i) => (i === 4 ? "" : `text ${i}`));
  const sums = texts
    .filter((one) => one !== "")
    .map((one) => `${createHash("sha256").update(one).digest("hex").slice(0, 12)}  ${one}`);
  expect(await runLocal(checksums, texts)).toEqual(sums);
});
