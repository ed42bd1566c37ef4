/** Reading a single cookie, by a walk over the field: nothing is split, nothing is kept, and repeated or broken pairs cost no more than their length (RFC 6265 section 5.4). */

/** The value of the first cookie called `name` (compared exactly) in a Cookie field's value, as received; null where there is none. */
export function cookieValue(cookies: string | null, name: string): string | null {
  if (cookies === null) return null;
  for (let at = 0; at < cookies.length; ) {
    while (isSpace(cookies.charCodeAt(at))) at++;
    const semicolon = cookies.indexOf(";", at);
    const end = semicolon === -1 ? cookies.length : semicolon;
    if (cookies.startsWith(name, at) && at + name.length < end) {
      let equals = at + name.length;
      while (equals < end && isSpace(cookies.charCodeAt(equals))) equals++;
      if (cookies.charCodeAt(equals) === 61) return trim(cookies, equals + 1, end);
    }
    at = end + 1;
  }
  return null;
}

function trim(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (code: number): boolean => code === 32 || code === 9;
