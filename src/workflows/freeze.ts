/**
 * Freezes plain data to its depths and gives it back, so that node code cannot change what is stored.
 *
 * What is frozen already is taken to be frozen to its depths: a log that grows is not walked again each time.
 */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== "object" || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
