/** How HTTP/1.1 writes the fields and contents that tests give in no protocol's terms. */
import { type Content, type FieldList, toPairs } from "./message.ts";

/** Field lines. */
export const linesOf = (fields?: FieldList): string =>
  toPairs(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");

/** A piece of content; one of a chunked content is a chunk. */
export function pieceOf(content: string | Buffer, isChunked: boolean): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  return isChunked
    ? Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
    : bytes;
}

/** The end of a chunked content. */
export const lastChunk = (trailers?: FieldList): Buffer => Buffer.from(`0\r\n${linesOf(trailers)}\r\n`, "latin1");

/** The framing field of a message with this content, and the content as bytes. */
export function frame(content: Content | undefined, trailers?: FieldList): { field: string; bytes: Buffer } {
  if (content === undefined && trailers === undefined) return { field: "", bytes: Buffer.alloc(0) };
  const isWhole = typeof content === "string" || Buffer.isBuffer(content);
  if (isWhole && trailers === undefined) {
    const bytes = pieceOf(content, false);
    return { field: `Content-Length: ${bytes.length}\r\n`, bytes };
  }
  const pieces = isWhole ? [content] : ((content ?? []) as readonly (string | Buffer)[]);
  return {
    field: "Transfer-Encoding: chunked\r\n",
    bytes: Buffer.concat([...pieces.map((each) => pieceOf(each, true)), lastChunk(trailers)]),
  };
}
