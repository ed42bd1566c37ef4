/** The request of a health check, as HTTP/1.1 writes it (RFC 9112 section 3). */

/** The whole of a GET of `path` from `host`, after which the connection is closed. Both are validated by their options. */
export function toCheckRequest(path: string, host: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: millrace-health\r\naccept: */*\r\nconnection: close\r\n\r\n`;
}
