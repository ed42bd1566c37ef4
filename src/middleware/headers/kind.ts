/** The `headers` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { compileAnswerFilter, compileHeaderEdit, compileTrailerEdit, type HeaderEdit } from "./header-edit.ts";
import { createHeadersSchema } from "./options.ts";

/** `headers`: sets, adds and removes fields of requests and answers. */
export const headersKind: MiddlewareKind<"headers", typeof createHeadersSchema> = {
  key: "headers",
  about: "Sets, adds and removes header fields.",
  createSchema: createHeadersSchema,
  createAnswerFilter: ({ response }) => compileAnswerFilter(response),
  addForwardingEdits({ request, response }, edits) {
    push(edits.requestFields, compileHeaderEdit(request, "request"));
    push(edits.requestTrailers, compileTrailerEdit(request, "request"));
    push(edits.answerTrailers, compileTrailerEdit(response, "response"));
    if (request.remove.includes("via")) edits.isViaRemoved = true;
  },
  findUselessParts(written) {
    const edits = Object.values((written as { request?: Record<string, unknown> } | null)?.request ?? {});
    return edits.some((edit) => typeof edit === "object" && edit !== null && Object.keys(edit).length > 0)
      ? [{ path: ["request"], consequence: "there are no request fields to change" }]
      : [];
  },
};

function push(edits: HeaderEdit[], edit: HeaderEdit | null): void {
  if (edit !== null) edits.push(edit);
}
