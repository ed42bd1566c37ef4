/** Reading a single cookie, by a walk over the field: nothing is split, nothing is kept, and repeated or broken pairs cost no more than their length (RFC 6265 section 5.4). */
import { isOws, trimOws } from "./fields.ts";

/** The value of the first cookie called `name` (compared exactly) in a Cookie field's value, as received; null where there is none. */
export function cookieValue(cookies: string | null, name: string): string | null {
  if (cookies === null) return null;
  for (let at = 0; at < cookies.length; ) {
    while (isOws(cookies.charCodeAt(at))) at++;
    const semicolon = cookies.indexOf(";", at);
    const end = semicolon === -1 ? cookies.length : semicolon;
    if (cookies.startsWith(name, at) && at + name.length < end) {
      let equals = at + name.length;
      while (equals < end && isOws(cookies.charCodeAt(equals))) equals++;
      if (cookies.charCodeAt(equals) === 61) return trimOws(cookies.slice(equals + 1, end));
    }
    at = end + 1;
  }
  return null;
}
