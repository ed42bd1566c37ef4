/**
 * What a response fixture is: bytes an endpoint sends in answer to a request, and what the client must get.
 * `responses.test.ts` runs the tables.
 */

/** What the client gets when all is well. */
export interface ReceivedShape {
  readonly status: number;
  readonly reason?: string;
  /** All fields but Date, Connection, Keep-Alive, Content-Length and Transfer-Encoding, in order: `Name: value`. */
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
  readonly framing?: "none" | "length" | "chunked" | "close";
  /** The value of Content-Length; null = absent. */
  readonly contentLength?: string | null;
  readonly interim?: readonly number[];
}

/** An endpoint's answer and its fate. */
export interface ResponseFixture {
  readonly name: string;
  /** The bytes, as latin1. */
  readonly response: string;
  readonly method?: "GET" | "HEAD" | "POST";
  /** The whole request in place of a plain one. */
  readonly request?: string;
  /** The endpoint finishes its side behind the bytes. */
  readonly endsOutput?: true;
  readonly received?: ReceivedShape;
  /** The client gets this status, made by the proxy. */
  readonly failed?: number;
  /** The client gets a head with this status, and an answer that visibly breaks off. */
  readonly broken?: number;
  /** The upstream connection serves the next request; default: not. */
  readonly isReused?: true;
}

/** An answer that passes; its connection is used again. */
export function pass(
  name: string,
  response: string,
  received: ReceivedShape,
  more: Partial<ResponseFixture> = {},
): ResponseFixture {
  return { name, response, received, isReused: true, ...more };
}

/** An answer that passes; its connection is not used again. */
export function passOnce(
  name: string,
  response: string,
  received: ReceivedShape,
  more: Partial<ResponseFixture> = {},
): ResponseFixture {
  return { name, response, received, ...more };
}

/** An answer that becomes a 502. */
export function fail(name: string, response: string, more: Partial<ResponseFixture> = {}): ResponseFixture {
  return { name, response, failed: 502, ...more };
}

/** An answer whose head passes and whose body breaks off. */
export function breakOff(name: string, response: string, more: Partial<ResponseFixture> = {}): ResponseFixture {
  return { name, response, broken: 200, ...more };
}

/** A 200 with these field lines, then `body`. */
export const ok = (lines: readonly string[], body = ""): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;

/** A 200 whose body is these raw bytes, announced as chunked. */
export const okChunked = (body: string): string => ok(["Transfer-Encoding: chunked"], body);
