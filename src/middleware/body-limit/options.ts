/** The options of the `bodyLimit` middleware. Schema and documentation; the normal form is `BodyLimitOptions`. */
import type * as z from "zod";
import { section, size } from "../../base/option-schema.ts";

export const bodyLimitSchema = section({
  maxRequestBytes: size(
    "1MiB",
    {
      about:
        "The longest request body of this route; 413 above it, at once where `Content-Length` says so. Bodies are streamed, not held.",
    },
    { min: 1 },
  ),
});

/** The `bodyLimit` middleware in normal form. */
export type BodyLimitOptions = z.output<typeof bodyLimitSchema>;
