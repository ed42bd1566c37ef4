/**
 * Logins that hold for a connection, not for a request: NTLM, and Negotiate as Microsoft's servers take it (RFC 4559
 * section 6). Whoever uses such a connection next is served as the one who has logged in, so it must serve one client
 * connection only.
 *
 * Other schemes (Basic, Bearer, Digest, SCRAM, Mutual) prove each request, and `Authentication-Info` speaks of one
 * answer: they bind nothing. To bind a connection in error only means that it is not shared; to share one in error gives
 * one client the identity of another. So what merely looks like such a scheme binds, too.
 */

/**
 * Nego2 and Kerberos: further names of the same mechanisms. The last one is what a proxy says that lets such logins
 * pass (RFC 4559 section 6).
 */
const scheme = /(?:^|[\s,])(?:ntlm|negotiate|nego2|kerberos|session-based-authentication)(?=$|[\s,=])/i;
const loginLine = /(?:^|\r\n)(?:proxy-)?authorization:[ \t]*(?:ntlm|negotiate|nego2|kerberos)(?=[ \t\r,])/i;

/**
 * Does the value of `Authorization`, `WWW-Authenticate` or one of their kind use or offer such a login? A list of
 * challenges may name it anywhere.
 */
export function isConnectionLogin(value: string): boolean {
  return scheme.test(value);
}

/** Do these field lines of a request use such a login? */
export function hasConnectionLogin(lines: string): boolean {
  return loginLine.test(lines);
}
