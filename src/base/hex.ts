/** Hexadecimal digits in text that is looked at character by character. */

/** The value of the hexadecimal digit with this character code, or -1. */
export function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
