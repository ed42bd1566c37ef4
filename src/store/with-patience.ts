/** Waiting for a server when a configuration comes to work: for a moment, and not for ever. */

/** How long a new configuration waits for a store; without it, it comes to work all the same. */
const patienceMs = 1_000;

/** Resolves when `connected` does, or after a moment. */
export async function withPatience(connected: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    connected,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    }),
  ]);
  clearTimeout(timer);
}
