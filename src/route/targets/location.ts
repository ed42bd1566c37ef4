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

/**
 * Compiles `redirect.to`: text with `{path}`, `{query}` (with its `?`), `{uri}` (path and query), `{host}` (without
 * port), `{scheme}`. After a `?` of the template itself, `{query}` comes without its `?` and the others
 * percent-encoded: `/login?next={uri}`.
 * @throws RangeError if the template has an unknown placeholder, a stray brace, a character that no Location has, or
 * is no location.
 */
export function compileRedirect(to: string): Redirect {
  if (!/^[!-~]+$/.test(to)) throw new RangeError(`a location holds visible ASCII only: ${to}`);
  if (!/^(https?:\/\/[^/?#]|\{scheme\}:\/\/[^/?#]|\/(?![/\\])|\{uri\}|\{path\})/i.test(to))
    throw new RangeError(`a location begins with "https://", "http://", "{scheme}://" or one "/": ${to}`);
  const pieces = parsePieces(to);
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

function parsePieces(to: string): Piece[] {
  const pieces: Piece[] = [];
  let before = "";
  for (const part of to.split(/(\{[^{}]*\})/)) {
    const name = /^\{(.*)\}$/.exec(part)?.[1];
    const isEscaped = /[?#]/.test(before);
    if (name === undefined) {
      if (/[{}]/.test(part)) throw new RangeError(`a brace without its other half: ${to}`);
      before += part;
      if (part !== "") pieces.push({ text: part, placeholder: null, isEscaped });
    } else if (isPlaceholder(name)) pieces.push({ text: part, placeholder: name, isEscaped });
    else throw new RangeError(`unknown placeholder ${part}: ${to}`);
  }
  return pieces;
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
