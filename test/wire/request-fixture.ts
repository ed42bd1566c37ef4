/**
 * What a request fixture is: bytes a client sends, and what must become of them. The tables beside this file are data;
 * `requests.test.ts` runs them.
 */

/**
 * The request reaches the endpoint in this shape, and its answer the client. Fields the proxy makes are looked at
 * apart.
 */
export interface ForwardedShape {
  /** Method and target. */
  readonly line: string;
  /** The value of Host; default `a`. */
  readonly host?: string;
  /** All fields but Host, framing and what the proxy makes, in order: `Name: value`. */
  readonly fields?: readonly string[];
  readonly framing?: "none" | "length" | "chunked";
  readonly body?: string;
  readonly trailers?: readonly string[];
  /** Values of proxy-made fields to look at, by name in lower case; null = absent. */
  readonly made?: Readonly<Record<string, string | RegExp | null>>;
}

/** A request and its fate. */
export interface RequestFixture {
  readonly name: string;
  /** The bytes, as latin1. */
  readonly request: string;
  /** The client finishes its side behind the bytes. */
  readonly endsInput?: true;
  /**
   * Refused with one of these statuses and a closed connection, nothing upstream. 0 stands for a close without an
   * answer.
   */
  readonly refused?: readonly number[];
  /** Answered by the proxy itself, nothing upstream; the connection is kept. */
  readonly answered?: number;
  readonly forwarded?: ForwardedShape;
  /** The connection is closed behind the answer. */
  readonly closes?: true;
  /** The method the answer is read for; default: as in the request line. */
  readonly isHead?: true;
}

/** A fixture that must be refused with a closed connection. */
export function refuse(name: string, request: string, ...statuses: number[]): RequestFixture {
  return { name, request, refused: statuses.length === 0 ? [400] : statuses };
}

/** The same, if the client finishes its side behind the bytes. */
export function refuseEnded(name: string, request: string, ...statuses: number[]): RequestFixture {
  return { ...refuse(name, request, ...statuses), endsInput: true };
}

/** A fixture that must be forwarded. */
export function forward(
  name: string,
  request: string,
  forwarded: ForwardedShape,
  more: { closes?: true } = {},
): RequestFixture {
  return { name, request, forwarded, ...more };
}

/** A GET with these field lines; `Host: a` comes first. */
export const get = (...lines: string[]): string =>
  `GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

/** A POST with these field lines, then `body`. */
export const post = (lines: readonly string[], body = ""): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;

/** A POST whose body is these raw bytes, announced as chunked. */
export const chunked = (body: string): string => post(["Transfer-Encoding: chunked"], body);
