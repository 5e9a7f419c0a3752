/**
 * Does something with each item, so many at a time. The first failure ends it; what has begun goes on.
 *
 * @param width - how many at a time; enough to keep the connection busy, few enough to bound memory
 * @returns what each came to, in their order
 */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  if (items.length <= width) return Promise.all(items.map(act));
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
