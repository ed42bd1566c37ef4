/**
 * The one spelling of a URL by which purges know stored answers: what the client asked for, with scheme and host in
 * lower case, without the default port and a trailing dot of the host, the path in its canonical form (RFC 3986 section
 * 6.2.2, `http/path.ts`), the query as it was sent. Different spellings of one path are one URL here, although they are
 * stored apart: a purge takes all of them.
 */
import { parseAuthority } from "../../http/authority.ts";
import { parseTarget, type TargetSink } from "../../http/target.ts";

/** What is known of a request. */
export interface RequestedUrl {
  /** `http` or `https`, as the client has it. */
  readonly scheme: string;
  /** As in the Host field. */
  readonly authority: string;
  /** Canonical, of `RequestHead.path`. */
  readonly path: string;
  /** Without its `?`. */
  readonly query: string;
}

/** The URL of a request, as `StoredAnswer.url` has it. */
export function purgeUrlOf({ scheme, authority, path, query }: RequestedUrl): string {
  return `${scheme}://${normalAuthority(scheme, authority)}${path}${query === "" ? "" : `?${query}`}`;
}

/**
 * Reads a URL, or the beginning of one, as somebody writes it who wants it purged. What is no ASCII is taken in UTF-8
 * and percent-encoded, as browsers do; a fragment is left out.
 * @returns null if it is no absolute URL of http or https
 */
export function readPurgeUrl(text: string): string | null {
  const encoded = text.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
  const mark = encoded.indexOf("#");
  const url = mark === -1 ? encoded : encoded.slice(0, mark);
  const scheme = /^https?(?=:\/\/)/i.exec(url)?.[0].toLowerCase();
  const into: TargetSink = { target: "", path: "", alternatePath: null, query: "", authority: "", host: "" };
  if (scheme === undefined || parseTarget("GET", url, into) !== null) return null;
  return purgeUrlOf({ scheme, authority: into.authority, path: into.path, query: into.query });
}

function normalAuthority(scheme: string, authority: string): string {
  const host = parseAuthority(authority) ?? authority.toLowerCase();
  const port = /:(\d*)$/.exec(authority)?.[1] ?? "";
  return port === "" || Number(port) === (scheme === "https" ? 443 : 80) ? host : `${host}:${Number(port)}`;
}
