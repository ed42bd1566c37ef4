/** The options of the `bodyLimit` middleware. Schema and documentation; the normal form is `BodyLimitOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";

/** Makes the schema of `bodyLimit`. */
export const createBodyLimitSchema = ({ section, size }: SchemaTools) =>
  section({
    maxRequestBytes: size(
      "1MiB",
      {
        about:
          "The longest request body of this route; 413 above it, at once if `Content-Length` says so. Bodies are streamed, not held.",
      },
      { min: 1 },
    ),
  });

/** The `bodyLimit` middleware in normal form. */
export type BodyLimitOptions = OptionsOf<typeof createBodyLimitSchema>;
