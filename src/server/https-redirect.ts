/** The answers of a listener that only sends clients to another one, which speaks TLS (`tls.redirect`). */
import type { Exchange } from "../http/exchange.ts";
import { clientScheme } from "../http/forwarding-fields.ts";
import { sendOwnAnswer } from "../http/own-answer.ts";
import { statusPhrase } from "../http/status.ts";
import type { ListenAddress } from "../net/listen-address.ts";
import type { HttpsRedirect } from "../net/options.ts";
import { compileRedirect, type Redirect } from "../route/targets/location.ts";

const httpsPort = 443;
const byPort = new Map<number, Redirect>();
const maxKept = 100;

/** The address of HTTPS for whatever was asked. */
function toHttps(port: number): Redirect {
  let redirect = byPort.get(port);
  if (redirect === undefined) {
    redirect = compileRedirect(`https://{host}${port === httpsPort ? "" : `:${port}`}{uri}`);
    if (byPort.size < maxKept) byPort.set(port, redirect);
  }
  return redirect;
}

/**
 * Sends the client of `exchange` to HTTPS. A client that has come by HTTPS, to a trusted load balancer that ends TLS
 * itself, would be sent in a circle: routes answer it, unless the listener with TLS asks for certificates, which such
 * a client cannot show.
 * @param portOf the port that is bound for an address that names none
 * @returns false if a route is to answer
 */
export function redirectToHttps(
  exchange: Exchange,
  { to, port, status, isStrict }: HttpsRedirect,
  portOf: (address: ListenAddress) => number,
): boolean {
  const isSecureAlready = clientScheme(exchange) === "https";
  if (isSecureAlready && !isStrict) return false;
  const { refusal } = exchange;
  if (refusal !== null) exchange.fail(refusal);
  else if (isSecureAlready) exchange.fail("MISDIRECTED");
  else sendToHttps(exchange, port ?? (to.kind === "tcp" ? to.port || portOf(to) : httpsPort), status);
  return true;
}

function sendToHttps(exchange: Exchange, port: number, status: HttpsRedirect["status"]): void {
  const { request } = exchange;
  const location = toHttps(port)({ target: request.target, host: request.host, scheme: "http" });
  if (location === null) {
    exchange.fail("BAD_HOST");
    return;
  }
  // 308 keeps the method; but programs from before RFC 7538 know 301 only.
  const isPlainRead = request.method === "GET" || request.method === "HEAD";
  const sent = status === "auto" ? (isPlainRead ? 301 : 308) : status;
  sendOwnAnswer(exchange, {
    status: sent,
    fields: `Location: ${location}\r\nContent-Type: text/plain; charset=utf-8\r\n`,
    content: Buffer.from(`${sent} ${statusPhrase(sent)}\n`),
  });
}
