/**
 * Work done several pieces at a time and told in its own order.
 *
 * @module
 */

/**
 * Does the work for each item, at most so many at once.
 *
 * @param items What there is to do.
 * @param jobs How many at once.
 * @param work Does one; a failure ends everything, once what is under way has ended.
 * @returns The results, in the order of the items, each as soon as those before it are there.
 */
export async function* inOrder<Item, Result>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, void> {
  const results = items.map(() => Promise.withResolvers<Result>());
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        results[index]!.resolve(await work(items[index]!));
      } catch (error) {
        failed = true;
        results[index]!.reject(error);
      }
    }
  };
  for (const { promise } of results) promise.catch(() => {});
  const workers = Array.from({ length: Math.min(jobs, items.length) }, worker);
  try {
    for (const { promise } of results) yield await promise;
  } finally {
    failed = true;
    await Promise.all(workers);
  }
}
