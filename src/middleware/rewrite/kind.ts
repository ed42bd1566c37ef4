/** The `rewrite` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createRewriteSchema } from "./options.ts";
import { createRewrite } from "./rewrite.ts";

/** `rewrite`: changes the path that goes upstream. */
export const rewriteKind: MiddlewareKind<"rewrite", typeof createRewriteSchema> = {
  key: "rewrite",
  about: "Changes the path that goes upstream.",
  createSchema: createRewriteSchema,
  create: (options) => createRewrite(options),
  findUselessParts: () => [{ path: [], consequence: "there is nothing to rewrite" }],
};
