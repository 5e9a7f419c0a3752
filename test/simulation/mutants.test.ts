import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { MUTANTS } from "../../proof/simulate/mutants.ts";
import { mutate, tryMutants } from "../../proof/simulate/mutants-run.ts";

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  'the line of the mutant "%s" stands where it is said to',
  async (_name, mutant) => {
    const source = await readFile(mutant.file, "utf8");
    expect(mutate(source, mutant)).not.toBe(source);
  },
);

test("a mutant whose line is gone is said, not skipped", () => {
  const mutant = { name: "m", breaks: "", file: "f.ts", find: "line", replace: "" };
  expect(() => mutate("no such thing", mutant)).toThrow('"m": its line stands 0 times in f.ts');
  expect(() => mutate("line line", mutant)).toThrow("2 times");
});

test("the simulation finds what is broken on purpose", { timeout: 60_000 }, async () => {
  const only = ["same epoch", "no message on resume"];
  const results = await tryMutants({ only, seed: 1, schedules: 400, onResult: () => {} });
  expect(results.map(({ name, schedules }) => [name, schedules !== null]).sort()).toEqual(
    only.map((name) => [name, true]).sort(),
  );
});
