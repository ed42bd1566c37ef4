/**
 * Times and durations as logs write them, with the parts that repeat cached: formatting a date anew costs more than the
 * rest of a line.
 */

const threeDigits = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, "0"));
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

let isoSecond = -1;
let isoPrefix = "";
let commonSecond = -1;
let commonText = "";

/** `2026-11-22T12:49:00.123Z`. @param wallMs milliseconds since the epoch. */
export function formatIsoTime(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== isoSecond) {
    isoPrefix = new Date(second * 1000).toISOString().slice(0, -4);
    isoSecond = second;
  }
  return `${isoPrefix}${threeDigits[Math.floor(wallMs - second * 1000)]}Z`;
}

/** `22/Nov/2026:12:49:00 +0000`, as in the Common Log Format; always UTC. */
export function formatCommonTime(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== commonSecond) {
    const iso = new Date(second * 1000).toISOString();
    commonText = `${iso.slice(8, 10)}/${monthNames[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
    commonSecond = second;
  }
  return commonText;
}

/** Milliseconds with three decimals: `12.345`. */
export function formatMs(ms: number): string {
  const micros = Math.round(ms * 1000);
  const whole = Math.floor(micros / 1000);
  return `${whole}.${threeDigits[micros - whole * 1000]}`;
}
