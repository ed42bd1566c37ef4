/**
 * The head of a request as HTTP/1.1 text (RFC 9112 section 3): the request line, Host, framing and the fields of this
 * one connection are written here, the end-to-end fields go on as the lines they came in.
 */
import type { OutgoingRequest } from "../../http/outgoing-request.ts";

// Clients of one site send one Host again and again.
let lastAuthority = "";
let lastHostLine = "";

function hostLine(authority: string): string {
  if (authority !== lastAuthority || lastHostLine === "") {
    lastAuthority = authority;
    lastHostLine = ` HTTP/1.1\r\nHost: ${authority}\r\n`;
  }
  return lastHostLine;
}

/** The head of `request`, with its empty line. */
export function requestHeadText(request: OutgoingRequest): string {
  const { body, tunnel } = request;
  let tail = "";
  if (body === "unknown") tail = "Transfer-Encoding: chunked\r\n";
  else if (body > 0 || request.announcesBody) tail = `Content-Length: ${body}\r\n`;
  if (request.expectsContinue) tail += "Expect: 100-continue\r\n";
  // RFC 9110 section 10.1.4: TE goes with its connection option.
  if (tunnel !== null) tail += `Connection: Upgrade\r\nUpgrade: ${tunnel}\r\n`;
  else if (request.takesTrailers) tail += "TE: trailers\r\nConnection: TE\r\n";
  return `${request.method} ${request.target}${hostLine(request.authority)}${request.fields.text}${tail}\r\n`;
}
