const known = new Map<string, Buffer>();
const maxKnown = 16;

/** `protocols` as TLS writes them (RFC 7301 section 3.1), without the length before the list. Lists that come again are kept. */
export function alpnList(protocols: readonly string[]): Buffer {
  const key = protocols.join();
  const kept = known.get(key);
  if (kept !== undefined) return kept;
  const list = Buffer.concat(
    protocols.flatMap((name) => [Buffer.of(Buffer.byteLength(name, "latin1")), Buffer.from(name, "latin1")]),
  );
  if (known.size < maxKnown) known.set(key, list);
  return list;
}
