/**
 * The encoders of node:zlib, and what they may take: memory by their windows, time by their levels.
 */
import type { BrotliOptions, ZstdOptions } from "node:zlib";
import type { Coder } from "../recode/recoded-body.ts";
import { zlibLibrary } from "../recode/zlib-library.ts";
import type { CompressCoding } from "./defaults.ts";

/**
 * Windows of 512 KiB (zstd) and 256 KiB (brotli): larger ones gain little on text, and cost their size for each answer
 * under way. Measured of one encoder after 1 MB: 2.2 MiB of zstd, 2.9 of brotli (5.2 with twice the window), 0.8 of
 * gzip; before its first byte 0.9, 0.7 and 0.4.
 */
const zstdWindowLog = 19;
const brotliWindowLog = 18;

/**
 * Up to this level an encoder needs no more than some hundred microseconds for `maxBytesAtOnce`; above it each byte may
 * take a hundred times as long (brotli 11), and the work is left to the threads of zlib.
 */
const maxLevelsAtOnce: Readonly<Record<CompressCoding, number>> = { zstd: 5, br: 5, gzip: 6 };

/**
 * So long a body is encoded in one call, in the thread of the event loop. Measured: 16 KiB take 50 (zstd), 110 (br) and
 * 100 (gzip) microseconds there; in the threads of zlib the loop alone is busy for as long, to make a stream and to hear
 * from it, and the processor for 150 more. 64 KiB of gzip would hold the loop for 0.7 ms.
 */
export const maxBytesAtOnce = 16_384;

/** How answers of a route are encoded in one coding. */
export interface Encoding {
  readonly coding: CompressCoding;
  readonly level: number;
  /** Bodies up to so many bytes may be given to `encodeAtOnce`. */
  readonly maxBytesAtOnce: number;
  readonly flushKind: number;
}

/** The encoding with `coding` at `level`. */
export function toEncoding(coding: CompressCoding, level: number): Encoding {
  return {
    coding,
    level,
    maxBytesAtOnce: level <= maxLevelsAtOnce[coding] ? maxBytesAtOnce : 0,
    flushKind: flushKindOf(coding),
  };
}

function flushKindOf(coding: CompressCoding): number {
  const { constants } = zlibLibrary();
  if (coding === "zstd") return constants.ZSTD_e_flush;
  return coding === "br" ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
}

/** What is known of a body before it is encoded. */
export interface BodyFacts {
  /** null = not known. If the body turns out to have another length, zstd fails. */
  readonly byteLength: number | null;
  /** Every write is to come out at once. */
  readonly isFlushedEach: boolean;
}

/** A new encoder. It holds memory until it is destroyed. */
export function createEncoder({ coding, level, flushKind }: Encoding, facts: BodyFacts): Coder {
  const zlib = zlibLibrary();
  const flush = facts.isFlushedEach ? { flush: flushKind } : {};
  switch (coding) {
    case "zstd":
      return zlib.createZstdCompress({ ...zstdOptions(level, facts.byteLength), ...flush });
    case "br":
      return zlib.createBrotliCompress({ ...brotliOptions(level, facts.byteLength), ...flush });
    case "gzip":
      return zlib.createGzip({ level, ...flush });
  }
}

/** Encodes a whole body. It must not be longer than `Encoding.maxBytesAtOnce`: the event loop waits. */
export function encodeAtOnce({ coding, level }: Encoding, body: Buffer): Buffer {
  const zlib = zlibLibrary();
  switch (coding) {
    case "zstd":
      return zlib.zstdCompressSync(body, zstdOptions(level, body.length));
    case "br":
      return zlib.brotliCompressSync(body, brotliOptions(level, body.length));
    case "gzip":
      return zlib.gzipSync(body, { level });
  }
}

function zstdOptions(level: number, byteLength: number | null): ZstdOptions {
  const { constants } = zlibLibrary();
  return {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: zstdWindowLog },
    ...(byteLength === null ? {} : { pledgedSrcSize: byteLength }),
  };
}

function brotliOptions(level: number, byteLength: number | null): BrotliOptions {
  const { constants } = zlibLibrary();
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: level,
      [constants.BROTLI_PARAM_LGWIN]: brotliWindowLog,
      [constants.BROTLI_PARAM_SIZE_HINT]: byteLength ?? 0,
    },
  };
}
