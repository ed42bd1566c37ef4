/** Running many cases a few at a time. */

/**
 * Runs `run` for every item, at most `size` at once.
 * @throws an AggregateError with all failures, each under the name that `nameOf` gives its item
 */
export async function inBatches<Item>(
  items: readonly Item[],
  size: number,
  nameOf: (item: Item) => string,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const failures: Error[] = [];
  let at = 0;
  const work = async (): Promise<void> => {
    for (let item = items[at++]; item !== undefined; item = items[at++]) {
      try {
        await run(item);
      } catch (error) {
        failures.push(
          new Error(`${nameOf(item)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }),
        );
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, work));
  if (failures.length > 0)
    throw new AggregateError(
      failures,
      `${failures.length} of ${items.length} cases failed:\n${failures
        .slice(0, 12)
        .map(({ message }) => message)
        .join("\n")}`,
    );
}
