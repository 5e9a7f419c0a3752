/**
 * Goes on with a value now, or with what a promise gives when it comes.
 *
 * Most schemas and many nodes are synchronous, and a step must not pay for promises that nobody needs.
 */
export function after<T, U>(
  value: T | PromiseLike<T>,
  go: (value: T) => U | Promise<U>,
): U | Promise<U> {
  return isThenable(value) ? Promise.resolve(value).then(go) : go(value);
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  if (value === null || typeof value !== "object") return false;
  return "then" in value && typeof value.then === "function";
}
