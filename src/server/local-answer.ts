/** Routes that are answered on the spot: `respond` and `redirect`. */
import { clientScheme } from "../http/forwarding-fields.ts";
import { statusPhrase } from "../http/status.ts";
import { sendOwnAnswer } from "../http/own-answer.ts";
import type { RouteHandler } from "../middleware/middleware.ts";
import type { RouteOptions } from "../route/options.ts";
import { compileRedirect } from "../route/redirect.ts";

/** @throws RangeError for an unusable redirect template. */
export function createLocalAnswer(route: RouteOptions): RouteHandler {
  if (route.redirect !== null) return createRedirect(route.redirect);
  const { status, body, contentType, headers } = route.respond!;
  const bytes = Buffer.from(body, "utf8");
  const hasContent = status !== 204 && status !== 304;
  let fields = bytes.length > 0 ? `Content-Type: ${contentType}\r\n` : "";
  for (const [name, value] of Object.entries(headers)) fields += `${name}: ${value}\r\n`;
  const answer = { status, fields, content: hasContent ? bytes : null };
  return (exchange) => sendOwnAnswer(exchange.responder, exchange.request, answer);
}

function createRedirect({ to, status }: NonNullable<RouteOptions["redirect"]>): RouteHandler {
  const toLocation = compileRedirect(to);
  const body = Buffer.from(`${status} ${statusPhrase(status)}\n`);
  return (exchange) => {
    const location = toLocation({
      target: exchange.request.target,
      host: exchange.request.host,
      scheme: clientScheme(exchange),
    });
    if (location === null) {
      exchange.responder.fail("BAD_HOST");
      return;
    }
    const fields = `Location: ${location}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
    sendOwnAnswer(exchange.responder, exchange.request, { status, fields, content: body });
  };
}
