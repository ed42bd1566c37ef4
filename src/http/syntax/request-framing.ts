/** How the body of a request is delimited, decided once, as one value (RFC 9112 section 6.3). */
import { isToken, toLowerAscii, trimOws } from "../field-text.ts";
import { Framing, type RequestHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import { parseContentLength } from "./content-length.ts";

/** Decides it for `head`. The values are those of the fields, null = there is none. @returns why it is refused, or null */
export function decideRequestFraming(
  head: RequestHead,
  contentLength: string | null,
  transferEncoding: string | null,
): ReasonCode | null {
  if (transferEncoding !== null) {
    if (contentLength !== null) return "AMBIGUOUS_FRAMING";
    // RFC 9112 section 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
    if (head.minorVersion === 0) return "BAD_TRANSFER_ENCODING";
    if (toLowerAscii(transferEncoding) !== "chunked")
      return isUnknownCoding(transferEncoding) ? "UNKNOWN_TRANSFER_CODING" : "BAD_TRANSFER_ENCODING";
    head.framing = Framing.chunked;
  } else if (contentLength !== null) {
    const length = parseContentLength(contentLength);
    if (length === -1) return "BAD_CONTENT_LENGTH";
    head.framing = Framing.length;
    head.contentLength = length;
  }
  return null;
}

/** Codings we do not know, in good form and with chunked nowhere but last (RFC 9112 section 6.1: answered with 501). */
function isUnknownCoding(value: string): boolean {
  // Not by a pattern with white space on both sides of the comma: on a long run of spaces that is quadratic.
  const codings = toLowerAscii(value).split(",").map(trimOws);
  return codings.every(isToken) && !codings.slice(0, -1).includes("chunked") && !codings.includes("identity");
}
