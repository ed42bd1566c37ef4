/** The options of the `compress` middleware. Schema and documentation; the normal form is `CompressOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { compressCodings, defaultTypes } from "./defaults.ts";
import { parseTypePattern } from "./media-types.ts";

/** Makes the schema of `compress`. */
export const createCompressSchema = ({ addProblem, count, documented, parsedBy, section, size, z }: SchemaTools) =>
  section({
    codings: documented(
      z
        .array(z.enum(compressCodings))
        .min(1)
        .superRefine((codings, context) => {
          codings.forEach((coding, index) => {
            if (codings.indexOf(coding) < index) addProblem(context, `"${coding}" is listed twice`, {}, [index]);
          });
        })
        .prefault([...compressCodings]),
      {
        kind: "list of codings",
        about:
          "The codings on offer: `zstd`, `br` (brotli), `gzip`. The client's weights in `Accept-Encoding` decide, and among equals the first of this list.",
        danger:
          "a page that holds a secret (a token against CSRF, for instance) and repeats what the request says can be made to tell the secret by its compressed length (BREACH). Leave `compress` off the routes of such pages, or change the secret's bytes with every answer.",
      },
    ),
    minBytes: size(
      "1KiB",
      {
        about:
          "Shorter answers are sent as they are. Of an answer whose length is not known, so much is waited for, but no longer than the endpoint goes on sending.",
      },
      { min: 0, max: 65_536 },
    ),
    types: documented(z.array(z.string().transform(parsedBy(parseTypePattern))).prefault([...defaultTypes]), {
      kind: "list of media types",
      about:
        "The media types that are compressed: `text/html`, `text/*`, or `+json` for all with that suffix. gRPC never is. The default is what text there is, WebAssembly, and fonts and pictures that are not compressed by themselves.",
    }),
    levels: documented(
      section({
        zstd: count(3, { about: "The level of zstd." }, { min: 1, max: 19 }),
        br: count(4, { about: "The quality of brotli." }, { min: 0, max: 11 }),
        gzip: count(5, { about: "The level of gzip." }, { min: 1, max: 9 }),
      }).prefault({}),
      {
        kind: "levels",
        about: "How hard each coding tries.",
        danger:
          "above zstd 5, brotli 5 and gzip 6 a byte saved costs many times as much: brotli 11 takes a hundred times as long as brotli 4, and six times the memory.",
      },
    ),
    maxEncoders: count(
      256,
      {
        about:
          "How many answers may be compressed at a time, over all threads and routes; one more is sent as it is, and counted (`millrace_compress_skipped_total`). Each takes 0.4 to 3 MiB from its head to its end: an event stream for as long as its client listens. Short answers that come whole take no place.",
      },
      { min: 1, max: 1_000_000 },
    ),
  });

/** The `compress` middleware in normal form. */
export type CompressOptions = OptionsOf<typeof createCompressSchema>;
