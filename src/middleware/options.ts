/** The options of all middlewares that take part in the composition, by name. */
import { documented } from "../base/option-schema.ts";
import { type BodyLimitOptions, bodyLimitSchema } from "./body-limit/options.ts";
import { type BufferOptions, bufferSchema } from "./buffer/options.ts";
import { type FaultOptions, faultSchema } from "./fault/options.ts";
import { type RateLimitOptions, rateLimitSchema } from "./rate-limit/options.ts";

/** What one item of a route's `middlewares` may hold, beside header edits and rewrites. */
export const policyShape = {
  rateLimit: documented(rateLimitSchema.optional(), {
    about: "Answers 429 to whoever asks too often, before the body is read.",
  }),
  bodyLimit: documented(bodyLimitSchema.optional(), {
    about: "Refuses long request bodies with 413 while they are streamed.",
  }),
  buffer: documented(bufferSchema.optional(), {
    about:
      "Reads the whole request body before an endpoint is chosen, so that a slow client occupies none and every attempt can send it again.",
  }),
  fault: documented(faultSchema.optional(), { about: "Makes some requests slow or fail on purpose, to rehearse." }),
};

/** One of them in normal form: an object with one key. */
export type PolicyOptions =
  | { readonly rateLimit: RateLimitOptions }
  | { readonly bodyLimit: BodyLimitOptions }
  | { readonly buffer: BufferOptions }
  | { readonly fault: FaultOptions };
