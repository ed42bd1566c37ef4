/** The target `redirect`: the route answers with a redirection (RFC 9110 section 15.4). */
import { clientScheme } from "../../http/forwarding-fields.ts";
import { sendOwnAnswer } from "../../http/own-answer.ts";
import { statusPhrase } from "../../http/status.ts";
import type { RouteHandler } from "../../middleware/middleware.ts";
import { compileRedirect } from "./location.ts";
import { createRedirectSchema, type RedirectOptions } from "./redirect-options.ts";
import type { RouteTarget } from "./target.ts";

/** `redirect`: sends the client elsewhere. */
export const redirectTarget: RouteTarget<"redirect", typeof createRedirectSchema> = {
  key: "redirect",
  doc: { about: "Answers with a redirection." },
  createSchema: createRedirectSchema,
  sendsUpstream: false,
  create: createRedirect,
  describe: ({ status }) => `redirect ${status}`,
};

/** @throws RangeError for an unusable template */
function createRedirect({ to, status }: RedirectOptions): RouteHandler {
  const toLocation = compileRedirect(to);
  const body = Buffer.from(`${status} ${statusPhrase(status)}\n`);
  return (exchange) => {
    const location = toLocation({
      target: exchange.request.target,
      host: exchange.request.host,
      scheme: clientScheme(exchange),
    });
    if (location === null) {
      exchange.fail("BAD_HOST");
      return;
    }
    const fields = `Location: ${location}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
    sendOwnAnswer(exchange, { status, fields, content: body });
  };
}
