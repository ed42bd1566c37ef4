/**
 * Lists of `name`, `name=token` and `name="quoted string"` (RFC 9111 section 5.2, RFC 9110 section 5.6): the grammar of
 * Cache-Control and Pragma. Linear, and without exceptions.
 */
import { isOws } from "../field-text.ts";

const comma = 44;
const quote = 34;
const backslash = 92;

/**
 * Visits the members of `value` in their order; empty ones are passed over (RFC 9110 section 5.6.1.2).
 * @param visit is given the name, as written; the argument without quotes, or null; and whether the member follows the
 * grammar. Of one that does not, the name is the token that it begins with, if it does.
 * @returns false if a quoted string has no end: what stood behind its beginning is not known
 */
export function readDirectives(
  value: string,
  visit: (name: string, argument: string | null, isWellFormed: boolean) => void,
): boolean {
  for (let at = 0; at < value.length; ) {
    const first = value.charCodeAt(at);
    if (first === comma || isOws(first)) {
      at++;
      continue;
    }
    const end = endOfMember(value, at);
    visitMember(value.slice(at, Math.abs(end)), visit);
    if (end < 0) return false;
    at = end + 1;
  }
  return true;
}

/** Where the member that begins at `at` ends: at a comma outside of quotes, or at the end; negative if a quote is open. */
function endOfMember(value: string, at: number): number {
  let isQuoted = false;
  let stop = at;
  for (; stop < value.length; stop++) {
    const code = value.charCodeAt(stop);
    if (code === quote) isQuoted = !isQuoted;
    else if (code === backslash && isQuoted) stop++;
    else if (code === comma && !isQuoted) return stop;
  }
  return isQuoted ? -value.length : value.length;
}

const member =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\[\t -\xff])*)"))?[\t ]*$/;

function visitMember(text: string, visit: Parameters<typeof readDirectives>[1]): void {
  const match = member.exec(text);
  if (match !== null) {
    const quoted = match[3];
    visit(match[1]!, match[2] ?? (quoted === undefined ? null : quoted.replace(/\\(.)/g, "$1")), true);
    return;
  }
  const name = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/.exec(text);
  if (name !== null) visit(name[0], null, false);
}
