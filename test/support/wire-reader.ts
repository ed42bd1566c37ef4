/**
 * A second opinion on what HTTP/1.1 bytes mean: a strict reader that shares no code with the product. It accepts only
 * what nobody could read in two ways, so whatever Millrace writes, to either side, must pass here. It is slow and
 * simple on purpose: it looks at the bytes collected so far and says "incomplete" or hands out one message.
 */

/** The bytes are not an HTTP/1.1 message that everybody reads alike. */
export class WireError extends Error {}

/** A field line, name and value, as on the wire. */
export type Field = readonly [name: string, value: string];

/** How the body was delimited. */
export type BodyFraming = "none" | "length" | "chunked" | "close";

/** A message as read; `body` is decoded. */
export interface WireMessage {
  readonly startLine: string;
  readonly version: string;
  readonly fields: readonly Field[];
  readonly framing: BodyFraming;
  readonly body: Buffer;
  readonly trailers: readonly Field[];
  /** False only for the readers of partial messages: the end never came. */
  readonly isComplete: boolean;
}

export interface WireRequest extends WireMessage {
  readonly method: string;
  readonly target: string;
}

export interface WireResponse extends WireMessage {
  readonly status: number;
  readonly reason: string;
  /** The 1xx answers before it. */
  readonly interim: readonly WireResponse[];
}

/** A message and the offset behind it. */
export interface Read<Message> {
  readonly message: Message;
  readonly end: number;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldContent = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The values of the field `name` (any case), one for each line. */
export function valuesOf(message: { readonly fields: readonly Field[] }, name: string): string[] {
  return message.fields.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function parseFields(lines: readonly string[]): Field[] {
  return lines.map((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!token.test(name)) throw new WireError(`bad field line ${JSON.stringify(line)}`);
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
    if (!fieldContent.test(value)) throw new WireError(`bad field value ${JSON.stringify(line)}`);
    return [name, value] as const;
  });
}

interface Head {
  readonly startLine: string;
  readonly fields: readonly Field[];
  readonly end: number;
}

function readHead(bytes: Buffer, from: number): Head | null {
  const end = bytes.indexOf("\r\n\r\n", from, "latin1");
  if (end === -1) return null;
  const [startLine = "", ...lines] = bytes.toString("latin1", from, end).split("\r\n");
  return { startLine, fields: parseFields(lines), end: end + 4 };
}

/** `length` and `chunked` as the fields say; "none" if they say nothing. */
function framingOf(head: Head, version: string): { framing: BodyFraming; length: number } {
  const lengths = valuesOf(head, "content-length");
  const codings = valuesOf(head, "transfer-encoding");
  if (lengths.length > 1 || codings.length > 1 || (lengths.length === 1 && codings.length === 1))
    throw new WireError("more than one body length");
  const [length] = lengths;
  const [coding] = codings;
  if (length !== undefined) {
    if (!/^(?:0|[1-9]\d{0,14})$/.test(length)) throw new WireError(`bad Content-Length ${JSON.stringify(length)}`);
    return { framing: "length", length: Number(length) };
  }
  if (coding === undefined) return { framing: "none", length: 0 };
  if (coding.toLowerCase() !== "chunked" || version !== "HTTP/1.1")
    throw new WireError(`bad Transfer-Encoding ${JSON.stringify(coding)} in ${version}`);
  return { framing: "chunked", length: 0 };
}

interface Body {
  readonly body: Buffer;
  readonly trailers: readonly Field[];
  readonly end: number;
  readonly isComplete: boolean;
}

function readChunked(bytes: Buffer, from: number): Body {
  const parts: Buffer[] = [];
  const incomplete = (): Body => ({ body: Buffer.concat(parts), trailers: [], end: bytes.length, isComplete: false });
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at, "latin1");
    if (lineEnd === -1) return incomplete();
    const line = bytes.toString("latin1", at, lineEnd);
    if (!/^[0-9A-Fa-f]{1,12}$/.test(line)) throw new WireError(`bad chunk size line ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      if (bytes.length >= at + 2 && bytes.toString("latin1", at, at + 2) === "\r\n")
        return { body: Buffer.concat(parts), trailers: [], end: at + 2, isComplete: true };
      const end = bytes.indexOf("\r\n\r\n", at, "latin1");
      if (end === -1) return incomplete();
      return {
        body: Buffer.concat(parts),
        trailers: parseFields(bytes.toString("latin1", at, end).split("\r\n")),
        end: end + 4,
        isComplete: true,
      };
    }
    parts.push(bytes.subarray(at, Math.min(at + size, bytes.length)));
    at += size;
    if (bytes.length < at + 2) return incomplete();
    if (bytes.toString("latin1", at, at + 2) !== "\r\n") throw new WireError("chunk data longer than its size");
    at += 2;
  }
}

function readBody(bytes: Buffer, from: number, framing: BodyFraming, length: number, isClosed: boolean): Body {
  if (framing === "none") return { body: Buffer.alloc(0), trailers: [], end: from, isComplete: true };
  if (framing === "chunked") return readChunked(bytes, from);
  const end = framing === "length" ? from + length : bytes.length;
  const isComplete = framing === "length" ? bytes.length >= end : isClosed;
  return {
    body: bytes.subarray(from, Math.min(end, bytes.length)),
    trailers: [],
    end: Math.min(end, bytes.length),
    isComplete,
  };
}

/**
 * The request at `from`, or null while it is incomplete. With `partial`, a request whose head is complete is handed out
 * as far as it came.
 * @throws WireError if the bytes are not strictly HTTP/1.1
 */
export function readRequest(bytes: Buffer, from = 0, options: { partial?: boolean } = {}): Read<WireRequest> | null {
  const head = readHead(bytes, from);
  if (head === null) return null;
  const [, method = "", target = "", version = ""] = /^(\S+) (\S+) (HTTP\/1\.[01])$/.exec(head.startLine) ?? [];
  if (!token.test(method) || !/^[\x21-\x7e]+$/.test(target))
    throw new WireError(`bad request line ${JSON.stringify(head.startLine)}`);
  const hosts = valuesOf(head, "host").length;
  if (hosts > 1 || (hosts === 0 && version === "HTTP/1.1")) throw new WireError(`${hosts} Host fields`);
  const { framing, length } = framingOf(head, version);
  const body = readBody(bytes, head.end, framing, length, false);
  if (!body.isComplete && options.partial !== true) return null;
  return {
    message: {
      startLine: head.startLine,
      method,
      target,
      version,
      fields: head.fields,
      framing,
      body: body.body,
      trailers: body.trailers,
      isComplete: body.isComplete,
    },
    end: body.end,
  };
}

interface ResponseOptions {
  readonly method: string;
  readonly isClosed: boolean;
  readonly partial?: boolean;
}

function readStatusLine({ startLine }: Head): { version: string; status: number; reason: string } {
  const [, version = "", digits = "", reason = ""] =
    /^(HTTP\/1\.[01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(startLine) ?? [];
  if (version === "") throw new WireError(`bad status line ${JSON.stringify(startLine)}`);
  return { version, status: Number(digits), reason };
}

/** The response with this head, interim or final, as far as it came. */
function readOneResponse(bytes: Buffer, head: Head, options: ResponseOptions): Read<WireResponse> {
  const { version, status, reason } = readStatusLine(head);
  const declared = framingOf(head, version);
  const isBodyless = options.method === "HEAD" || status < 200 || status === 204 || status === 304;
  if ((status < 200 || status === 204) && declared.framing !== "none")
    throw new WireError(`a body length on ${status}`);
  const framing = isBodyless ? "none" : declared.framing === "none" ? "close" : declared.framing;
  const body = readBody(bytes, head.end, framing, declared.length, options.isClosed);
  return {
    message: {
      startLine: head.startLine,
      version,
      status,
      reason,
      fields: head.fields,
      framing,
      body: body.body,
      trailers: body.trailers,
      isComplete: body.isComplete,
      interim: [],
    },
    end: body.end,
  };
}

/** The interim responses at `from` that have come, whether or not the final one has; `end` is behind them. */
export function readInterim(bytes: Buffer, from: number): Read<readonly WireResponse[]> {
  const found: WireResponse[] = [];
  for (let at = from; ; ) {
    const head = readHead(bytes, at);
    const status = head === null ? 0 : readStatusLine(head).status;
    if (head === null || status >= 200 || status === 101) return { message: found, end: at };
    found.push(readOneResponse(bytes, head, { method: "GET", isClosed: false }).message);
    at = head.end;
  }
}

/**
 * The final response to a `method` request at `from`, with the interim ones before it; null while it is incomplete.
 * `isClosed` says that nothing more will come. With `partial`, a response whose head is complete is handed out as far
 * as it came. A 101 is final and has no body: what follows is the tunnel's.
 * @throws WireError if the bytes are not strictly HTTP/1.1
 */
export function readResponse(bytes: Buffer, from: number, options: ResponseOptions): Read<WireResponse> | null {
  const { message: interim, end } = readInterim(bytes, from);
  const head = readHead(bytes, end);
  if (head === null) return null;
  const read = readOneResponse(bytes, head, options);
  if (!read.message.isComplete && options.partial !== true) return null;
  return { message: { ...read.message, interim }, end: read.end };
}
