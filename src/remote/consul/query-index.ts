/**
 * The index of a blocking query: what the next question waits for a change of. It is a number of 64 bits, and is never
 * counted with, only compared. Rules: "Implementation Details" of Consul's documentation of blocking queries.
 */

/** The question does not wait: what is there now is answered at once. */
export const noIndex = "0";

/**
 * The index of the next question. One that went backwards (a restored snapshot, another server) begins anew; zero, which
 * is an error of some versions, would not wait at all.
 * @param received the field of the answer
 * @returns null if it is no index
 */
export function nextIndex(asked: string, received: string | undefined): string | null {
  if (received === undefined || !/^\d{1,20}$/.test(received)) return null;
  const index = BigInt(received);
  if (index < BigInt(asked)) return noIndex;
  return index < 1n ? "1" : String(index);
}
