/** The `buffer` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createBuffer } from "./buffer.ts";
import { createBufferSchema } from "./options.ts";

/** `buffer`: reads the whole request body before an endpoint is chosen. */
export const bufferKind: MiddlewareKind<"buffer", typeof createBufferSchema> = {
  key: "buffer",
  about:
    "Reads the whole request body before an endpoint is chosen, so that a slow client occupies none and every attempt can send it again.",
  createSchema: createBufferSchema,
  create: createBuffer,
  findUselessParts: () => [{ path: [], consequence: "its body goes nowhere" }],
};
