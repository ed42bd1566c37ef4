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
 * So long a body is encoded in one call, in the thread of the event loop. Measured, that takes a quarter of a millisecond
 * there. In the threads of zlib the loop would be busy for 50 to 100 microseconds all the same, to make a stream and to
 * hear from it, and the processor for 150 more beside the work itself, a good part of it for memory that is new each time.
 */
const bytesAtOnce: Readonly<Record<CompressCoding, number>> = { zstd: 131_072, br: 32_768, gzip: 32_768 };

/** Above this level a byte may take a hundred times as long (brotli 11): no work for the event loop. */
const maxLevelsAtOnce: Readonly<Record<CompressCoding, number>> = { zstd: 5, br: 5, gzip: 6 };

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
    maxBytesAtOnce: level <= maxLevelsAtOnce[coding] ? bytesAtOnce[coding] : 0,
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
  const chunkSize = roomFor(body.length);
  switch (coding) {
    case "zstd":
      return zlib.zstdCompressSync(body, { ...zstdOptions(level, body.length), chunkSize });
    case "br":
      return zlib.brotliCompressSync(body, { ...brotliOptions(level, body.length), chunkSize });
    case "gzip":
      return zlib.gzipSync(body, { level, chunkSize });
  }
}

/**
 * How much room for output is made at a time: what text becomes in most cases. The usual 16 KiB for each answer are a
 * fifth of the time, for the collector.
 */
function roomFor(byteLength: number): number {
  return Math.min(16_384, Math.max(1_024, byteLength >> 2));
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
