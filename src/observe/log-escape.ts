/**
 * Making text safe to write into a log: whatever a peer sent becomes printable ASCII without the format's own special
 * characters, and of bounded length. A log line can neither be broken, forged nor made to move a terminal's cursor.
 */

/** How many characters of each piece of client text are logged; what is cut off is marked with `...`. */
export const maxLoggedLength = {
  target: 2048,
  userAgent: 512,
  referer: 1024,
  host: 256,
  field: 512,
  method: 32,
  requestId: 128,
  proxied: 1024,
  subject: 256,
  detail: 512,
} as const;

// Everything but printable ASCII without quote and backslash. DEL and obs-text (0x80 to 0xff) are escaped, too.
const isUnsafe = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const unsafeAll = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

/** Cuts `text` to `maxLength` characters, marked. */
export function truncate(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 3)}...` : text;
}

/** Escapes `text` for the inside of a JSON string; the result is ASCII. Bytes of obs-text read as U+0080 to U+00FF. */
export function escapeJsonText(text: string): string {
  return isUnsafe.test(text) ? text.replace(unsafeAll, toJsonEscape) : text;
}

/** Escapes `text` for the text formats the way Apache and nginx do: `\xHH`, with `\"` and `\\`. The result is ASCII. */
export function escapePlainText(text: string): string {
  return isUnsafe.test(text) ? text.replace(unsafeAll, toPlainEscape) : text;
}

function toJsonEscape(character: string): string {
  if (character === '"') return '\\"';
  if (character === "\\") return "\\\\";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function toPlainEscape(character: string): string {
  if (character === '"') return '\\"';
  if (character === "\\") return "\\\\";
  const code = character.charCodeAt(0);
  return code > 0xff
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
}
