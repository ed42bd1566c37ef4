/** The value of Content-Length (RFC 9110 section 8.6). */
import { trimOws } from "../field-text.ts";

/**
 * A Content-Length value as a number of bytes, or -1 if it is not exactly a decimal number without sign, list or
 * leading zero.
 */
export function parseContentLength(value: string): number {
  const length = value.length;
  if (length === 0 || length > 15) return -1;
  let bytes = 0;
  for (let i = 0; i < length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    bytes = bytes * 10 + digit;
  }
  return length > 1 && value.charCodeAt(0) === 48 ? -1 : bytes;
}

/**
 * As `parseContentLength` for answers; also takes zeros before the number, and several equal ones (RFC 9112 section
 * 6.3).
 */
export function parseAnswerLength(value: string): number {
  const plain = parseContentLength(value);
  if (plain !== -1) return plain;
  let length = -1;
  for (const member of value.split(",")) {
    const one = parseContentLength(trimOws(member).replace(/^0+(?=\d)/, ""));
    if (one === -1 || (length !== -1 && one !== length)) return -1;
    length = one;
  }
  return length;
}
