/**
 * Does something with each item, so many at a time. The first failure ends it; what has begun goes on.
 *
 * @param width - how many at a time; enough to keep the connection busy, few enough to bound memory
 */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  if (items.length <= width) {
    await Promise.all(items.map(act));
    return;
  }
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await act(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
