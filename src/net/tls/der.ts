/** DER (X.690), as far as it is needed to look into what Node.js does not show: elements, one after the other. */

/** One element. */
export interface DerElement {
  readonly tag: number;
  /** With its tag and length. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

/** Tags. */
export const Der = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** The elements in `bytes`, one after the other; ends in front of what is malformed. */
export function* derElements(bytes: Uint8Array): Generator<DerElement> {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const start = at;
    const tag = bytes[at++]!;
    let length = bytes[at++]!;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      // No file is that large.
      if (octets === 0 || octets > 4 || at + octets > bytes.length) return;
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + bytes[at++]!;
    }
    if (at + length > bytes.length) return;
    yield { tag, bytes: bytes.subarray(start, at + length), content: bytes.subarray(at, at + length) };
    at += length;
  }
}

/** The first element in `bytes`; null = it is malformed, or there is none. */
export function firstDer(bytes: Uint8Array): DerElement | null {
  return derElements(bytes).next().value ?? null;
}

/** A time of X.509 (RFC 5280 section 4.1.2.5) in milliseconds since 1970; NaN if it is none. */
export function derTimeMs({ tag, content }: DerElement): number {
  const text = Buffer.from(content).toString("latin1");
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null || (match[1]!.length === 2) !== (tag === Der.utcTime)) return Number.NaN;
  const year = Number(match[1]);
  const fullYear = tag === Der.utcTime ? (year < 50 ? 2_000 + year : 1_900 + year) : year;
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(2).map(Number);
  return Date.UTC(fullYear, month - 1, day, hour, minute, second);
}

/** Encodes an element. */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
  const head = Buffer.alloc(2 + octets);
  head[0] = tag;
  head[1] = 0x80 | octets;
  head.writeUIntBE(length, 2, octets);
  return Buffer.concat([head, content]);
}
