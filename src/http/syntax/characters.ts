/**
 * Look-up tables over bytes: what may stand where in a message (RFC 9110 section 5.6, RFC 9112). One table
 * load a byte replaces a chain of comparisons.
 */

/**
 * 1 = letter, digit or `-`; 2 = another token character, which some origins take for `-` (see `foldFieldName`); 0 = no
 * token character.
 */
export const tokenTable: Uint8Array = buildTable((code) => {
  const character = String.fromCharCode(code);
  if (/[-0-9A-Za-z]/.test(character)) return 1;
  return /[!#$%&'*+.^_`|~]/.test(character) ? 2 : 0;
});

/** 1 = may stand in a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5). */
export const valueTable: Uint8Array = buildTable((code) => (code === 0x09 || (code >= 0x20 && code !== 0x7f) ? 1 : 0));

/** 1 = may stand in a request target: visible ASCII. */
export const targetTable: Uint8Array = buildTable((code) => (code > 0x20 && code < 0x7f ? 1 : 0));

/** The value of a hexadecimal digit, or 255. */
export const hexTable: Uint8Array = buildTable((code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const HTAB = 0x09;
export const COLON = 0x3a;

function buildTable(classOf: (code: number) => number): Uint8Array {
  const table = new Uint8Array(256);
  for (let code = 0; code < 256; code++) table[code] = classOf(code);
  return table;
}

declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    /**
     * The bytes from `start` to `end` as text, a character a byte: `toString("latin1", start, end)` without its
     * argument checks (measured: a third of the time on short slices).
     */
    latin1Slice(start?: number, end?: number): string;
    /** Writes `text` at `offset`, a byte a character. @returns the number of bytes written */
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}
