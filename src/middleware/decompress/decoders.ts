/** The decoders of node:zlib, within the windows that content codings may ask for. */
import type { Coding } from "../../http/content-coding.ts";
import type { Coder } from "../recode/recoded-body.ts";
import { zlibLibrary } from "../recode/zlib-library.ts";

/** What is read and written at a time. */
const chunkSize = 65_536;

/** Content in zstd must not need a longer window than 8 MiB (RFC 9659). */
const maxZstdWindowLog = 23;

/** A new decoder of `coding`. It holds memory until it is destroyed. @param firstByte of the content */
export function createDecoder(coding: Coding, firstByte: number): Coder {
  const zlib = zlibLibrary();
  switch (coding) {
    case "zstd":
      return zlib.createZstdDecompress({
        chunkSize,
        params: { [zlib.constants.ZSTD_d_windowLogMax]: maxZstdWindowLog },
      });
    case "br":
      return zlib.createBrotliDecompress({ chunkSize });
    case "gzip":
      return zlib.createGunzip({ chunkSize });
    case "deflate":
      return isZlibStart(firstByte) ? zlib.createInflate({ chunkSize }) : zlib.createInflateRaw({ chunkSize });
  }
}

/**
 * `deflate` means the zlib format (RFC 9110 section 8.4.1.2), but some servers send what is in it without its frame. A
 * frame begins with the method, 8, and a window of at most 32 KiB (RFC 1950); bare data hardly ever does.
 */
function isZlibStart(byte: number): boolean {
  return (byte & 0x0f) === 8 && byte >> 4 <= 7;
}

/** The coding that a Content-Encoding value names; null if it names several, or one that cannot be decoded. */
export function codingOf(contentEncoding: string | null): Coding | null {
  switch (contentEncoding?.toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "br":
      return "br";
    case "zstd":
      return "zstd";
    case "deflate":
      return "deflate";
    default:
      return null;
  }
}
