/** HTTP/1.1 as TLS calls it when a protocol is agreed on (RFC 7301 section 6). */
export const http1Alpn = "http/1.1";
