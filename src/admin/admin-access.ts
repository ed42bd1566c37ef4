/**
 * Decides which requests the admin listener answers. The rules, in order:
 * 1. On a loopback address the Host field must name a loopback address, too: a page in somebody's browser that points
 *    its own name at 127.0.0.1 (DNS rebinding) sends its own name. Unix sockets need no such check, and on other
 *    addresses we cannot know our names.
 * 2. Changes that a browser sends must come from our own page: a foreign `Origin`, or a `Sec-Fetch-Site` other than
 *    `same-origin` and `none`, is refused (cross-site request forgery; the browser may attach the Basic password by
 *    itself). There is no CORS.
 * 3. Probes (`/livez`, `/readyz`) are for everybody that gets here.
 * 4. If tokens are configured, everything else needs one, as `Authorization: Bearer TOKEN` or as the password of Basic
 *    (for browsers).
 * 5. If none are, everybody may read and only this machine may change: a Unix socket, or a loopback peer that names a
 *    loopback Host. What came through a proxy (it has `Via` or forwarding fields) is no such peer, whatever its socket
 *    says, and may not even read.
 */
import type { IncomingHttpHeaders } from "node:http";
import { cryptoLibrary } from "../base/crypto-library.ts";

/** What a request may do at the admin listener: look, or change something, too. */
export type AdminRole = "read" | "write";

/** A token and what it allows; `write` includes `read`. */
export interface AdminToken {
  readonly token: string;
  readonly role: AdminRole;
}

/** What a path needs. */
export type AccessNeed = "probe" | AdminRole;

/** What is known of a request. */
export interface AccessRequest {
  readonly need: AccessNeed;
  readonly headers: IncomingHttpHeaders;
  /** The peer's address; null on a Unix socket. */
  readonly peerAddress: string | null;
  /** The listener's own address; null on a Unix socket. */
  readonly localAddress: string | null;
}

/** Null if the request may proceed; else the status and the sentence to answer with. */
export type Refusal = { readonly status: 401 | 403 | 421; readonly message: string } | null;

/** Decides on a request. */
export function decideAccess(request: AccessRequest, tokens: readonly AdminToken[]): Refusal {
  const { headers, need } = request;
  const isHostLoopback = isLoopbackHost(headers.host);
  if (request.localAddress !== null && isLoopbackAddress(request.localAddress) && !isHostLoopback) {
    return { status: 421, message: "This listener answers to localhost and loopback addresses only." };
  }
  if (need === "write" && !isFromOwnPage(headers))
    return { status: 403, message: "Requests from other sites are refused." };
  if (need === "probe") return null;
  if (tokens.length > 0) {
    const role = roleOf(headers.authorization, tokens);
    if (role === null) return { status: 401, message: "A token is needed." };
    return need === "write" && role !== "write" ? { status: 403, message: "This token may only read." } : null;
  }
  if (isForwarded(headers))
    return { status: 403, message: "Requests that came through a proxy need a token, and none is configured." };
  if (need === "read" || request.peerAddress === null) return null;
  return isLoopbackAddress(request.peerAddress) && isHostLoopback
    ? null
    : { status: 403, message: "Without tokens, changes are accepted from this machine only." };
}

/** `127.0.0.0/8`, `::1`, and the former mapped into IPv6. */
export function isLoopbackAddress(address: string): boolean {
  return /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(address) || address === "::1";
}

/** Does a Host field name this machine: `localhost`, a name below it, or a loopback address, with any port? */
export function isLoopbackHost(host: string | undefined): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(host ?? "");
  if (match === null) return false;
  const name = (match[1] ?? match[2] ?? "").toLowerCase();
  return isLoopbackAddress(name) || /^(?:[a-z0-9-]+\.)*localhost\.?$/.test(name);
}

function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return false;
  const site = headers["sec-fetch-site"];
  return site === undefined || site === "same-origin" || site === "none";
}

function isForwarded(headers: IncomingHttpHeaders): boolean {
  return (
    headers.via !== undefined ||
    headers.forwarded !== undefined ||
    headers["x-forwarded-for"] !== undefined ||
    headers["x-forwarded-host"] !== undefined
  );
}

function roleOf(authorization: string | undefined, tokens: readonly AdminToken[]): AdminRole | null {
  const given = readToken(authorization);
  if (given === null) return null;
  const digest = digestOf(given);
  let role: AdminRole | null = null;
  // All are compared, each in constant time: how long it takes tells nothing about which one was nearly right.
  const { timingSafeEqual } = cryptoLibrary();
  for (const token of tokens) if (timingSafeEqual(digest, digestOf(token.token)) && role !== "write") role = token.role;
  return role;
}

const digestOf = (text: string): Buffer => cryptoLibrary().createHash("sha256").update(text).digest();

/** The token of `Bearer TOKEN`, or the password of `Basic` (RFC 6750, RFC 7617). */
function readToken(authorization: string | undefined): string | null {
  const match = /^(bearer|basic) +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization ?? "");
  if (match === null) return null;
  const credentials = match[2] ?? "";
  if (match[1]?.toLowerCase() === "bearer") return credentials;
  const pair = Buffer.from(credentials, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon === -1 ? null : pair.slice(colon + 1);
}
