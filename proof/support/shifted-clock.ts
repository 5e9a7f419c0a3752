// Imported first by a process of the harness: what that process asks of `Date` is shifted from then on, as if somebody
// had set the machine's clock. Timers and `performance.now` are not, as they are not on a machine.

const Real = Date;
let offsetMs = 0;

const shiftedNow = (): number => Real.now() + offsetMs;

globalThis.Date = new Proxy(Real, {
  construct: (target, args, self) =>
    Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, self) as object,
  apply: () => new Real(shiftedNow()).toString(),
  get: (target, key) => (key === "now" ? shiftedNow : Reflect.get(target, key)),
});

/** Sets how far the clock of this process is ahead of the machine's, in milliseconds. */
export function shiftClock(ms: number): void {
  offsetMs = ms;
}
