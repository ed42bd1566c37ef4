/** `node:zlib`, loaded when it is first used: threads in which nothing is compressed do without it. */

type Zlib = typeof import("node:zlib");

let zlib: Zlib | null = null;

/** `node:zlib`. */
export function zlibLibrary(): Zlib {
  return (zlib ??= process.getBuiltinModule("node:zlib"));
}
