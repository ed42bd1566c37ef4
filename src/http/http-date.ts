/** HTTP dates (RFC 9110 section 5.6.7): the three formats, read exactly; a date that is nearly right is none. */

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const imfFixdate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctime = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * The time that an HTTP date says, in milliseconds since the epoch; null if it is no HTTP date.
 * @param nowMs the time of day: a year of two digits is never more than 50 years ahead of it
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  let match = imfFixdate.exec(text);
  if (match !== null) return toMs(Number(match[3]), match[2]!, Number(match[1]), match.slice(4));
  match = rfc850.exec(text);
  if (match !== null) return toMs(fullYear(Number(match[3]), nowMs), match[2]!, Number(match[1]), match.slice(4));
  match = asctime.exec(text);
  if (match !== null) return toMs(Number(match[6]), match[1]!, Number(match[2]), match.slice(3, 6));
  return null;
}

/** The one of that year's digits that is not more than 50 years ahead, and the latest of those. */
function fullYear(twoDigits: number, nowMs: number): number {
  const latest = new Date(nowMs).getUTCFullYear() + 50;
  return latest - ((((latest - twoDigits) % 100) + 100) % 100);
}

function toMs(year: number, monthName: string, day: number, time: readonly string[]): number | null {
  const month = months.indexOf(monthName);
  const [hour = 0, minute = 0, second = 0] = time.map(Number);
  // A leap second is the second after (RFC 9110 section 5.6.7 allows 60).
  if (month === -1 || hour > 23 || minute > 59 || second > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month) return null;
  return date.setUTCHours(hour, minute, second);
}
