/** What HTTP/1.1 is called where protocols are agreed on (RFC 7301 section 6), the preferred name first. */
export const http1Alpn: readonly string[] = ["http/1.1", "http/1.0"];
