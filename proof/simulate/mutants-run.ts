import { spawn } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

// Each mutant is a copy of the project with one line changed, in which the simulation is played until it finds something.

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Inside `node_modules`, so that the copies find the libraries, and nothing looks into them. */
const COPIES = join(ROOT, "node_modules", ".cache", "floxide-mutants");

export interface MutantOptions {
  /** Names; null for all. */
  readonly only: readonly string[] | null;
  /** Seed of the first schedule. */
  readonly seed: number;
  /** Schedules after which a mutant counts as not found. */
  readonly schedules: number;
  readonly onResult: (result: MutantResult) => void;
}

/** Whether a mutant was found. */
export interface MutantResult {
  readonly name: string;
  readonly breaks: string;
  /** How many schedules it took; null where it was not found. */
  readonly schedules: number | null;
  readonly rule: string | null;
}

/** The source with the mutant's line in the place of the right one. @throws Error where that stands not exactly once */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const times = source.split(find).length - 1;
  if (times === 1) return source.replace(find, () => replace);
  throw new Error(`mutant "${name}": its line stands ${times} times in ${file}, not once`);
}

/** Plays schedules in each mutant until one shows that something is wrong. */
export async function tryMutants({
  only,
  seed,
  schedules,
  onResult,
}: MutantOptions): Promise<readonly MutantResult[]> {
  const wanted = [...MUTANTS.filter(({ name }) => only === null || only.includes(name))];
  const results: MutantResult[] = [];
  const lane = async (): Promise<void> => {
    for (let mutant = wanted.shift(); mutant !== undefined; mutant = wanted.shift()) {
      const result = await tryMutant(mutant, schedules, seed);
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  await rm(COPIES, { recursive: true, force: true });
  return results;
}

async function tryMutant(mutant: Mutant, schedules: number, seed: number): Promise<MutantResult> {
  const copy = join(COPIES, mutant.name.replaceAll(" ", "-"));
  await mkdir(copy, { recursive: true });
  for (const part of ["src", "proof", "package.json"]) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  const file = join(copy, mutant.file);
  await writeFile(file, mutate(await readFile(file, "utf8"), mutant));
  const found = await firstFinding(join(copy, "proof", "simulate", "until-found.ts"), [
    schedules,
    seed,
  ]);
  await rm(copy, { recursive: true, force: true });
  const { name, breaks } = mutant;
  return { name, breaks, schedules: found?.schedules ?? null, rule: found?.rule ?? null };
}

function firstFinding(
  script: string,
  range: readonly number[],
): Promise<{ readonly schedules: number; readonly rule: string } | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", script, ...range.map(String)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal !== null) return reject(new Error(`the schedules of a mutant ended by ${signal}`));
      const last = said.trim().split("\n").at(-1) ?? "";
      if (code === 0) resolve(JSON.parse(last));
      // A mutant may well end its process: that is found, too.
      else resolve({ schedules: 1, rule: `its process ended with ${code}` });
    });
  });
}
