/** Lists of media types, as options name them: `text/html`, `text/*`, or `+json` for every type with that suffix. */
import { toLowerAscii, trimOws } from "../../http/field-text.ts";

/** Does an answer with this Content-Type value belong to the list? */
export type TypeMatcher = (contentType: string) => boolean;

/** Longer than any type that is registered, with its parameters: a longer value is in no list. */
const maxTypeLength = 1_024;

/** @throws RangeError if `text` is none of the forms above */
export function parseTypePattern(text: string): string {
  const pattern = toLowerAscii(text);
  if (!/^(?:[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)|\+[a-z0-9.-]+)$/.test(pattern))
    throw new RangeError(`${JSON.stringify(text)} is not a media type; write "text/html", "text/*" or "+json"`);
  return pattern;
}

/** Compiles a list of patterns. gRPC belongs to none: it compresses its messages itself, and counts their bytes. */
export function compileTypes(patterns: readonly string[]): TypeMatcher {
  const types = new Set(patterns.filter((pattern) => !pattern.startsWith("+") && !pattern.endsWith("/*")));
  const suffixes = new Set(patterns.filter((pattern) => pattern.startsWith("+")));
  const mains = new Set(patterns.filter((pattern) => pattern.endsWith("/*")).map((pattern) => pattern.slice(0, -1)));
  return (contentType) => {
    if (contentType.length > maxTypeLength) return false;
    const semicolon = contentType.indexOf(";");
    const type = toLowerAscii(trimOws(semicolon === -1 ? contentType : contentType.slice(0, semicolon)));
    if (type.startsWith("application/grpc")) return false;
    if (types.has(type)) return true;
    const plus = type.lastIndexOf("+");
    if (plus !== -1 && suffixes.has(type.slice(plus))) return true;
    return mains.has(type.slice(0, type.indexOf("/") + 1));
  };
}

/** Event streams: each event is to reach the client by itself. */
export function isEventStream(contentType: string): boolean {
  return /^text\/event-stream(?:$|[;\s])/i.test(contentType);
}
