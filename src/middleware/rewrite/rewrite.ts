/**
 * The `rewrite` middleware: another path for the upstream. Works on the canonical path, so that what was matched is
 * what is changed, and leaves the query as it was received. What comes out starts with `/` and holds only visible ASCII
 * (RFC 9112 section 3.2.1), whatever went in.
 */
import type { ReceivedRequest } from "../../http/message.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { Middleware } from "../middleware.ts";
import { readWrittenPath } from "./written-path.ts";

/** `rewrite`; null or absent = not asked for. */
export interface RewriteSpec {
  /** Taken off the front of the path at a segment boundary; paths without it stay as they are. */
  readonly stripPrefix?: string | null | undefined;
  /** Put in front of the path, after `stripPrefix`. */
  readonly addPrefix?: string | null | undefined;
  /** The whole new path. */
  readonly replacePath?: string | null | undefined;
}

/** Gives the request with its new path. `OPTIONS *` stays as it is. */
export type Rewrite = (request: OutgoingRequest, received: Pick<ReceivedRequest, "target" | "path">) => OutgoingRequest;

/**
 * Creates the `rewrite` middleware. What was stripped goes on as X-Forwarded-Prefix; what several rewrites of a route
 * strip adds up. @throws as `compileRewrite`
 */
export function createRewrite(spec: RewriteSpec): Middleware {
  const rewrite = compileRewrite(spec);
  return (next) => (exchange) => {
    exchange.outgoing = rewrite(exchange.outgoing, exchange.request);
    next(exchange);
  };
}

/** @throws RangeError if a prefix or path does not begin with `/` or could not stand in a request. */
export function compileRewrite(spec: RewriteSpec): Rewrite {
  const stripped = spec.stripPrefix == null ? "" : prefixOf(spec.stripPrefix);
  const added = spec.addPrefix == null ? "" : prefixOf(spec.addPrefix);
  const replacement = spec.replacePath == null ? null : canonicalOf(spec.replacePath);
  return (request, received) => {
    if (request.target === "*") return request;
    const before = pathOf(request, received);
    if (replacement !== null) return withPath(request, replacement, "");
    const isStripped = stripped !== "" && hasPrefix(before, stripped);
    const rest = !isStripped ? before : before.length === stripped.length ? "/" : before.slice(stripped.length);
    return withPath(request, added + rest, isStripped ? stripped : "");
  };
}

/** The path that is rewritten: the canonical one of what was received, or what an earlier rewrite has made of it. */
function pathOf({ target }: OutgoingRequest, received: Pick<ReceivedRequest, "target" | "path">): string {
  return target === received.target ? received.path : target.slice(0, queryStart(target));
}

function withPath(request: OutgoingRequest, path: string, stripped: string): OutgoingRequest {
  const target = path + request.target.slice(queryStart(request.target));
  if (!/^\/[!-"$-~]*$/.test(target)) throw new Error("a rewritten target is malformed");
  return request.withTarget(target, request.strippedPrefix + stripped);
}

function queryStart(target: string): number {
  const mark = target.indexOf("?");
  return mark === -1 ? target.length : mark;
}

function hasPrefix(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47);
}

/** A prefix in canonical form, without slashes at its end; `/` is the empty prefix. */
function prefixOf(text: string): string {
  return canonicalOf(text).replace(/\/+$/, "");
}

function canonicalOf(text: string): string {
  const { canonical, problem } = readWrittenPath(text);
  if (canonical === null) throw new RangeError(problem);
  return canonical;
}
