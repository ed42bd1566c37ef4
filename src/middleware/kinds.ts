/** The list of middlewares. What is not in it does not exist; the order is that of the reference. */
import type { OptionsOf } from "../base/schema-builder.ts";
import { bodyLimitKind } from "./body-limit/kind.ts";
import { bufferKind } from "./buffer/kind.ts";
import { cacheKind } from "./cache/kind.ts";
import { compressKind } from "./compress/kind.ts";
import { decompressKind } from "./decompress/kind.ts";
import { faultKind } from "./fault/kind.ts";
import { headersKind } from "./headers/kind.ts";
import type { MiddlewareKind } from "./kind.ts";
import { rateLimitKind } from "./rate-limit/kind.ts";
import { rewriteKind } from "./rewrite/kind.ts";

/** All kinds of middleware. */
export const middlewareKinds = [
  headersKind,
  rewriteKind,
  rateLimitKind,
  bodyLimitKind,
  bufferKind,
  cacheKind,
  compressKind,
  decompressKind,
  faultKind,
] as const satisfies readonly MiddlewareKind[];

/** An item of a route's list in normal form: an object with one key, for one of `Kinds`. */
export type ItemOf<Kinds extends readonly MiddlewareKind[]> = {
  [Index in keyof Kinds]: { readonly [Key in Kinds[Index]["key"]]: OptionsOf<Kinds[Index]["createSchema"]> };
}[number];
