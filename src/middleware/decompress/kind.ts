/** The `decompress` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { reserveCoderPlaces } from "../recode/coder-places.ts";
import { createDecompress } from "./decompress.ts";
import { createDecompressSchema } from "./options.ts";

/** `decompress`: decodes answers for clients that cannot. */
export const decompressKind: MiddlewareKind<"decompress", typeof createDecompressSchema> = {
  key: "decompress",
  about: "Decodes compressed answers for clients that do not accept their coding.",
  createSchema: createDecompressSchema,
  create: createDecompress,
  reserve: (_options, { stripes }, memory) => [reserveCoderPlaces("decoders", memory, stripes)],
};
