/**
 * Header and trailer fields as text: a section is a string of complete lines, `name: value\r\n` each, exactly as
 * validated on the wire or written by us. Nothing here keys an object by a peer's text; look-ups walk the lines. Only
 * sections that passed a parser of ours, or `isFieldValue`, come here.
 */

/**
 * Lower-cases ASCII letters only: field names, hosts and schemes are ASCII, and `toLowerCase` maps other letters too.
 */
export function toLowerAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/** Where the first line of the field `name` (in lower case) at or after `from` begins; -1 if there is none. */
function findField(section: string, from: number, name: string): number {
  const nameLength = name.length;
  for (let at = from; at < section.length; ) {
    const lineEnd = section.indexOf("\r\n", at);
    if (lineEnd === -1 || lineEnd === at) return -1;
    if (section.charCodeAt(at + nameLength) === 58 && toLowerAscii(section.slice(at, at + nameLength)) === name)
      return at;
    at = lineEnd + 2;
  }
  return -1;
}

/**
 * The value of the field `name` (in lower case) in `section`, several lines joined with `, ` (RFC 9110 section 5.3;
 * Cookie with `; `, RFC 6265), or null if it is absent. `from` is where the first field line starts.
 */
export function fieldValue(section: string, name: string, from = 0): string | null {
  let value: string | null = null;
  for (let at = findField(section, from, name); at !== -1; ) {
    const lineEnd = section.indexOf("\r\n", at);
    const one = trimOws(section.slice(at + name.length + 1, lineEnd));
    value = value === null ? one : `${value}${name === "cookie" ? "; " : ", "}${one}`;
    at = findField(section, lineEnd + 2, name);
  }
  return value;
}

/** `section` without the lines of the fields that `isRemoved` says yes to; it is given names in lower case. */
export function removeFields(section: string, isRemoved: (name: string) => boolean): string {
  let kept = "";
  for (let at = 0; at < section.length; ) {
    const lineEnd = section.indexOf("\r\n", at);
    const next = lineEnd === -1 ? section.length : lineEnd + 2;
    const colon = section.indexOf(":", at);
    if (!isRemoved(toLowerAscii(section.slice(at, colon)))) kept += section.slice(at, next);
    at = next;
  }
  return kept;
}

/** Removes optional white space (SP and HTAB, RFC 9110 section 5.6.3) at both ends. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** SP or HTAB. */
export const isOws = (code: number): boolean => code === 32 || code === 9;

/** The value of a field that comes in several lines: `value` behind those `before`, if any (RFC 9110 section 5.3). */
export function joinValues(before: string | null, value: string): string {
  return before === null ? value : `${before}, ${value}`;
}

/** Is `text` a token (RFC 9110 section 5.6.2): a legal field name or method? */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/**
 * `name` (in lower case) as the least careful endpoint sees it: CGI, WSGI, Rack and PHP make a variable of a field's
 * name and fold `-`, `_` and, in PHP, `.` into one; some servers (lighttpd, older Apache) fold every character that is
 * neither letter nor digit. Two names that fold to one are one field there.
 */
export function foldFieldName(name: string): string {
  return name.replace(/[^a-z0-9]/g, "-");
}

/**
 * May `text` be written as a field value: visible characters, SP, HTAB and obs-text (RFC 9110 section 5.5), within
 * latin1?
 */
export function isFieldValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/**
 * The members of a comma-separated list, lower-cased and trimmed, empty ones dropped (RFC 9110 section 5.6.1.2). Not
 * for lists with quoted strings.
 */
export function listMembers(value: string): string[] {
  return toLowerAscii(value)
    .split(",")
    .map(trimOws)
    .filter((member) => member !== "");
}
