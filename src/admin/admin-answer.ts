/** Answers of the admin listener: always with a length, never cached, sniffed, framed or shared with other origins. */
import type { ServerResponse } from "node:http";

/** An answer ready to be sent. */
export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Plain text; a line feed is added. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): AdminAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${text}\n`, headers };
}

/** JSON, indented for people with curl. */
export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): AdminAnswer {
  return {
    status,
    contentType: "application/json; charset=utf-8",
    body: `${JSON.stringify(value, null, 2)}\n`,
    headers,
  };
}

/**
 * Sends `answer`; for HEAD, Node.js leaves the body out and keeps its length. @returns the length of the body in bytes;
 * null if no answer can be sent any more
 */
export function sendAnswer(response: ServerResponse, answer: AdminAnswer): number | null {
  if (response.destroyed || response.headersSent) return null;
  const bodyBytes = Buffer.byteLength(answer.body);
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": bodyBytes,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy":
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ...answer.headers,
  });
  response.end(answer.body);
  return bodyBytes;
}
