/** What `compress` does unless it is told otherwise. */

/** The codings that answers are compressed with. `deflate` is not among them: clients disagree on what it is. */
export const compressCodings = ["zstd", "br", "gzip"] as const;
export type CompressCoding = (typeof compressCodings)[number];

/**
 * Media types whose content gets much shorter. Pictures, sound, video, archives and woff2 are compressed by themselves;
 * `application/octet-stream` may be anything.
 */
export const defaultTypes = [
  "text/*",
  "+json",
  "+xml",
  "+yaml",
  "application/json",
  "application/json5",
  "application/jsonl",
  "application/ndjson",
  "application/x-ndjson",
  "application/javascript",
  "application/x-javascript",
  "application/ecmascript",
  "application/xml",
  "application/xml-dtd",
  "application/yaml",
  "application/toml",
  "application/graphql",
  "application/sql",
  "application/rtf",
  "application/wasm",
  "application/x-httpd-php",
  "application/x-sh",
  "application/vnd.ms-fontobject",
  "application/x-font-ttf",
  "application/x-font-otf",
  "font/ttf",
  "font/otf",
  "font/sfnt",
  "font/collection",
  "image/bmp",
  "image/x-icon",
  "image/vnd.microsoft.icon",
  "message/rfc822",
] as const;
