/** The `compress` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { reserveCoderPlaces } from "../recode/coder-places.ts";
import { createCompress } from "./compress.ts";
import { createCompressSchema } from "./options.ts";

/** `compress`: sends answers in zstd, brotli or gzip. */
export const compressKind: MiddlewareKind<"compress", typeof createCompressSchema> = {
  key: "compress",
  about: "Compresses answers with zstd, brotli or gzip, for clients that accept it.",
  createSchema: createCompressSchema,
  create: createCompress,
  reserve: (_options, { stripes }, memory) => [reserveCoderPlaces("encoders", memory, stripes)],
};
