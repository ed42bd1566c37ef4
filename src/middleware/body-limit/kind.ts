/** The `bodyLimit` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createBodyLimit } from "./body-limit.ts";
import { createBodyLimitSchema } from "./options.ts";

/** `bodyLimit`: refuses long request bodies while they are streamed. */
export const bodyLimitKind: MiddlewareKind<"bodyLimit", typeof createBodyLimitSchema> = {
  key: "bodyLimit",
  about: "Refuses long request bodies with 413 while they are streamed.",
  createSchema: createBodyLimitSchema,
  create: createBodyLimit,
  findUselessParts: () => [{ path: [], consequence: "its body goes nowhere" }],
};
