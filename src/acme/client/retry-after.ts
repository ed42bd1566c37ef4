/** `Retry-After` (RFC 9110, section 10.2.3) as an ACME server says it. */

/** Nobody is asked to wait longer than this. */
const maxMs = 24 * 3_600_000;

/** Milliseconds to wait; null if the field is absent or says nothing that can be read. */
export function parseRetryAfter(value: string | undefined, wallMs: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1_000, maxMs);
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? null : Math.min(Math.max(0, timeMs - wallMs), maxMs);
}
