/**
 * Reading cookies by a walk over the field: nothing is split, nothing is kept, and repeated or broken pairs cost no
 * more than their length (RFC 6265 section 5.4). Names and values are compared as received; only SP and HTAB are white
 * space, and a NBSP belongs to its value.
 */
import { isOws, trimOws } from "./field-text.ts";

/**
 * What `take` makes of the first cookie called `name` (compared exactly) for which it gives something else than null;
 * null if there is none. Several cookies of one name are usual: a browser sends those of every path and domain that
 * fit.
 * @param take is given each value, as received and without white space around it
 */
export function findCookie<Result>(
  cookies: string | null,
  name: string,
  take: (value: string) => Result | null,
): Result | null {
  if (cookies === null) return null;
  for (let at = 0; at < cookies.length; ) {
    while (isOws(cookies.charCodeAt(at))) at++;
    const semicolon = cookies.indexOf(";", at);
    const end = semicolon === -1 ? cookies.length : semicolon;
    if (cookies.startsWith(name, at) && at + name.length < end) {
      let equals = at + name.length;
      while (equals < end && isOws(cookies.charCodeAt(equals))) equals++;
      const result = cookies.charCodeAt(equals) === 61 ? take(trimOws(cookies.slice(equals + 1, end))) : null;
      if (result !== null) return result;
    }
    at = end + 1;
  }
  return null;
}

/** The value of the first cookie called `name` in a Cookie field's value; null if there is none. */
export function cookieValue(cookies: string | null, name: string): string | null {
  return findCookie(cookies, name, itself);
}

const itself = (value: string): string => value;
