/** The options of the `buffer` middleware. Schema and documentation; the normal form is `BufferOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";

/** Makes the schema of `buffer`. */
export const createBufferSchema = ({ section, size }: SchemaTools) =>
  section({
    maxRequestBytes: size(
      "1MiB",
      {
        about: "The longest request body; 413 above it, at once if `Content-Length` says so.",
        danger: "so much may lie in the system's temporary folder for every connection.",
      },
      { min: 1 },
    ),
    memoryBytes: size(
      "64KiB",
      {
        about:
          "So much of a body is held in memory; the rest goes into a temporary file that nobody else can open. All bodies in memory together take at most 128 MiB; beyond that everything goes into the file.",
      },
      { min: 0, max: 64 << 20 },
    ),
  });

/** The `buffer` middleware in normal form. */
export type BufferOptions = OptionsOf<typeof createBufferSchema>;
