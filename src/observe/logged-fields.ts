/** Finds the two fields of a request that most formats of the access log have, in one walk over the head's lines. */
import { toLowerAscii, trimOws } from "../http/field-text.ts";
import type { ReceivedRequest } from "../http/message.ts";

/** `User-Agent` and `Referer`; null if a field is absent or empty. */
export class LoggedFields {
  userAgent: string | null = null;
  referer: string | null = null;

  /** Reads them from the head of `request`. @returns false if one of them is there twice; then both are worth nothing */
  read(request: ReceivedRequest): boolean {
    const { text } = request;
    this.userAgent = null;
    this.referer = null;
    for (let at = request.fieldsStart; at < text.length; ) {
      const lineEnd = text.indexOf("\r\n", at);
      if (lineEnd <= at) break;
      // 58 is the colon; `u` and `r` in lower case rule out most of the others.
      const first = text.charCodeAt(at) | 0x20;
      if (first === 0x75 && text.charCodeAt(at + 10) === 58 && isNamed(text, at, "User-Agent", "user-agent")) {
        if (this.userAgent !== null) return false;
        this.userAgent = trimOws(text.slice(at + 11, lineEnd));
      } else if (first === 0x72 && text.charCodeAt(at + 7) === 58 && isNamed(text, at, "Referer", "referer")) {
        if (this.referer !== null) return false;
        this.referer = trimOws(text.slice(at + 8, lineEnd));
      }
      at = lineEnd + 2;
    }
    if (this.userAgent === "") this.userAgent = null;
    if (this.referer === "") this.referer = null;
    return true;
  }
}

/** Is the field at `at` named so? The usual spelling is recognised without making a string. */
function isNamed(text: string, at: number, usual: string, lower: string): boolean {
  return text.startsWith(usual, at) || toLowerAscii(text.slice(at, at + lower.length)) === lower;
}
