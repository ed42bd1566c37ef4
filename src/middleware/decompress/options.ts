/** The options of the `decompress` middleware. Schema and documentation; the normal form is `DecompressOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";

/** Makes the schema of `decompress`. */
export const createDecompressSchema = ({ count, section }: SchemaTools) =>
  section({
    maxRatio: count(
      200,
      {
        about:
          "How many times as long as the endpoint's answer a decoded one may be, beyond its first MiB; it breaks off then (`UPSTREAM_BAD_CODING`). Text seldom reaches 50.",
        danger: "an endpoint that is not trusted can make a hundred bytes into gigabytes for the client's connection.",
      },
      { min: 1, max: 1_000_000 },
    ),
    maxDecoders: count(
      128,
      {
        about:
          "How many answers may be decoded at a time, over all threads and routes; one more is answered 503 (`OVERLOADED`). Each takes as much memory as its endpoint has chosen: mostly less than 1 MiB, at most 16.",
      },
      { min: 1, max: 1_000_000 },
    ),
  });

/** The `decompress` middleware in normal form. */
export type DecompressOptions = OptionsOf<typeof createDecompressSchema>;
