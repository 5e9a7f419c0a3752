import { type ParseArgsConfig, parseArgs } from "node:util";

/** Options as `node:util` knows them. */
type Known = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Known> = ReturnType<
  typeof parseArgs<{ readonly options: T; readonly strict: true }>
>["values"];

/**
 * Reads the options of a program. With `--help` it prints the usage and ends with 0, with what is no option of it the
 * mistake too, and ends with 2.
 *
 * @param usage - how the program is called
 */
export function readOptions<const T extends Known>(usage: string, options: T): Values<T> {
  if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options, strict: true }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), usage);
  }
}

/** Ends the program: what was asked of it cannot be done. */
export function refuse(message: string, usage: string): never {
  console.error(`${message}\n${usage}`);
  process.exit(2);
}
