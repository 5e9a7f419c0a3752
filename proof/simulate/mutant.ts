/** A fault put into the protocol on purpose, to see whether the simulation finds it. */
export interface Mutant {
  readonly name: string;
  /** What the line keeps from happening. */
  readonly breaks: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}
