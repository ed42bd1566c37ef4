/** The target `respond`: the route answers with a fixed text. */
import { sendOwnAnswer } from "../../http/own-answer.ts";
import type { RouteHandler } from "../../middleware/middleware.ts";
import { createRespondSchema, type RespondOptions } from "./respond-options.ts";
import type { RouteTarget } from "./target.ts";

/** `respond`: answers on the spot. */
export const respondTarget: RouteTarget<"respond", typeof createRespondSchema> = {
  key: "respond",
  doc: { about: "Answers with a fixed text." },
  createSchema: createRespondSchema,
  sendsUpstream: false,
  create: createFixedAnswer,
  describe: ({ status }) => `respond ${status}`,
};

function createFixedAnswer({ status, body, contentType, headers }: RespondOptions): RouteHandler {
  const bytes = Buffer.from(body, "utf8");
  const hasContent = status !== 204 && status !== 304;
  let fields = bytes.length > 0 ? `Content-Type: ${contentType}\r\n` : "";
  for (const [name, value] of Object.entries(headers)) fields += `${name}: ${value}\r\n`;
  const answer = { status, fields, content: hasContent ? bytes : null };
  return (exchange) => sendOwnAnswer(exchange, answer);
}
