/** The answers of a listener that only sends clients to another one, which speaks TLS (`tls.redirect`). */
import type { Exchange } from "../http/exchange.ts";
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

/** Sends the client of `exchange` to HTTPS. @param portOf the port that is bound for an address that names none */
export function redirectToHttps(
  exchange: Exchange,
  { to, port, status }: HttpsRedirect,
  portOf: (address: ListenAddress) => number,
): void {
  const { request, refusal } = exchange;
  if (refusal !== null) {
    exchange.fail(refusal);
    return;
  }
  const bound = to.kind === "tcp" ? to.port || portOf(to) : httpsPort;
  const location = toHttps(port ?? bound)({ target: request.target, host: request.host, scheme: "http" });
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
