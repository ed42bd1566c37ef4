/** The `headers` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { compileAnswerFilter } from "./answer-edit.ts";
import { createHeadersSchema } from "./options.ts";
import { editRequests } from "./request-edit.ts";

/** `headers`: sets, adds and removes fields of requests and answers. */
export const headersKind: MiddlewareKind<"headers", typeof createHeadersSchema> = {
  key: "headers",
  about: "Sets, adds and removes header fields.",
  createSchema: createHeadersSchema,
  create: ({ request }) => editRequests(request),
  createAnswerFilter: ({ response }) => compileAnswerFilter(response),
  findUselessParts(written) {
    const edits = Object.values((written as { request?: Record<string, unknown> } | null)?.request ?? {});
    return edits.some((edit) => typeof edit === "object" && edit !== null && Object.keys(edit).length > 0)
      ? [{ path: ["request"], consequence: "there are no request fields to change" }]
      : [];
  },
};
