/**
 * The `redirect` answer's Location (RFC 9110 section 10.2.2), made from a template that is compiled once. What a
 * request brings into it has been validated to be visible ASCII, and cannot move a location that names no host to
 * another host: such a location never begins with more than one slash.
 */

/** What a template reads of a request. */
export interface RedirectSource {
  /** In origin form, or `*`. */
  readonly target: string;
  /** Lower case, without port; empty if the request has none. */
  readonly host: string;
  /** How the client came; see `clientScheme`. */
  readonly scheme: "http" | "https";
}

/** Makes the Location for a request; null if the template needs a host and the request has none (`BAD_HOST`). */
export type Redirect = (source: RedirectSource) => string | null;

/** A piece of a template: fixed text, or what is put in its place. */
interface Piece {
  readonly text: string;
  readonly placeholder: keyof typeof placeholders | null;
  /** The placeholder is in the template's own query or fragment: its value is escaped, so that it stays one value. */
  readonly isEscaped: boolean;
}

const placeholders = {
  path: (source: RedirectSource) => splitTarget(source.target).path,
  /** With its `?`, or nothing. */
  query: (source: RedirectSource) => splitTarget(source.target).query,
  uri: (source: RedirectSource) => (source.target === "*" ? "/" : source.target),
  host: (source: RedirectSource) => source.host,
  scheme: (source: RedirectSource) => source.scheme,
} as const;

/** One thing that is wrong with a template. */
export interface TemplateProblem {
  /** A sentence without a full stop, for the user. */
  readonly message: string;
  /** The name of a placeholder that there is not; null if something else is wrong. */
  readonly unknownPlaceholder: string | null;
}

/** The names of all placeholders. */
export const placeholderNames: readonly string[] = Object.keys(placeholders);

/**
 * Compiles `redirect.to`: text with `{path}`, `{query}` (with its `?`), `{uri}` (path and query), `{host}` (without
 * port), `{scheme}`. After a `?` of the template itself, `{query}` comes without its `?` and the others
 * percent-encoded: `/login?next={uri}`.
 * @throws RangeError if `findTemplateProblems` finds something
 */
export function compileRedirect(to: string): Redirect {
  const { pieces, problems } = readTemplate(to);
  if (problems[0] !== undefined) throw new RangeError(problems[0].message);
  const needsHost = pieces.some((piece) => piece.placeholder === "host");
  return (source) => {
    if (needsHost && source.host === "") return null;
    let location = "";
    for (const piece of pieces)
      location += piece.placeholder === null ? piece.text : valueOf(piece.placeholder, piece.isEscaped, source);
    // `//evil.example` and `/\evil.example` name a host to whoever follows them.
    return /^\/[/\\]/.test(location) ? location.replace(/^[/\\]+/, "/") : location;
  };
}

/**
 * Finds what is wrong with a template: an unknown placeholder, a brace without its other half, a character that no
 * Location has, or that it is no location.
 */
export function findTemplateProblems(to: string): readonly TemplateProblem[] {
  return readTemplate(to).problems;
}

function readTemplate(to: string): { pieces: readonly Piece[]; problems: readonly TemplateProblem[] } {
  const pieces: Piece[] = [];
  const problems: TemplateProblem[] = [];
  const report = (message: string, unknownPlaceholder: string | null = null): void => {
    problems.push({ message, unknownPlaceholder });
  };
  const shown = JSON.stringify(to);
  if (!/^[!-~]*$/.test(to)) {
    report(`${shown} has characters that a Location field cannot have; percent-encode them`);
    return { pieces, problems };
  }
  let before = "";
  let hasStrayBrace = false;
  for (const part of to.split(/(\{[^{}]*\})/)) {
    const name = /^\{(.*)\}$/.exec(part)?.[1];
    const isEscaped = /[?#]/.test(before);
    if (name === undefined) {
      hasStrayBrace ||= /[{}]/.test(part);
      before += part;
      if (part !== "") pieces.push({ text: part, placeholder: null, isEscaped });
    } else if (isPlaceholder(name)) pieces.push({ text: part, placeholder: name, isEscaped });
    else report(`unknown placeholder "${part}"`, name);
  }
  if (hasStrayBrace) report(`${shown} has a brace without its other half`);
  if (/^\/[/\\]/.test(to)) report(`${shown} begins with two slashes, which is another host; write the scheme as well`);
  else if (!/^(https?:\/\/[^/?#]|\{scheme\}:\/\/[^/?#]|\/|\{uri\}|\{path\})/i.test(to))
    report(`${shown} is not a location; it begins with "https://", "http://", "{scheme}://" or "/"`);
  return { pieces, problems };
}

function isPlaceholder(name: string): name is keyof typeof placeholders {
  return Object.hasOwn(placeholders, name);
}

function valueOf(name: keyof typeof placeholders, isEscaped: boolean, source: RedirectSource): string {
  const value = placeholders[name](source);
  if (!isEscaped) return value;
  return name === "query" ? value.slice(1) : encodeURIComponent(value);
}

function splitTarget(target: string): { path: string; query: string } {
  if (target === "*") return { path: "/", query: "" };
  const mark = target.indexOf("?");
  return mark === -1 ? { path: target, query: "" } : { path: target.slice(0, mark), query: target.slice(mark) };
}
