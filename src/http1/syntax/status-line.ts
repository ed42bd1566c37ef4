/** The status line of an answer (RFC 9112 section 4). */
import { statusPhrase } from "../../http/status.ts";

/** Those of registered statuses with their usual phrases, by status. */
const usualLines: (string | undefined)[] = [];

/** The status line with its CRLF. */
export function statusLine(status: number, phrase: string): string {
  const usual = statusPhrase(status);
  if (phrase !== usual) return `HTTP/1.1 ${status} ${phrase}\r\n`;
  // Made of our own phrase: the endpoint's is a part of its head, which would stay in memory with it.
  return (usualLines[status] ??= `HTTP/1.1 ${status} ${usual}\r\n`);
}
