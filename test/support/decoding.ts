/** Content codings as clients undo them: Node's own decoders. */
import { type Transform } from "node:stream";
import zlib from "node:zlib";

/** What a body in `coding` (null = none) says. @throws if it is malformed, cut short or followed by something */
export function decode(body: Buffer, coding: string | null): Buffer {
  switch (coding) {
    case null:
      return body;
    case "zstd":
      return zlib.zstdDecompressSync(body);
    case "br":
      return zlib.brotliDecompressSync(body);
    case "gzip":
      return zlib.gunzipSync(body);
    case "deflate":
      return zlib.inflateSync(body);
    default:
      throw new Error(`unknown coding ${coding}`);
  }
}

/** `body` in `coding`. */
export function encode(body: string | Buffer, coding: string): Buffer {
  switch (coding) {
    case "zstd":
      return zlib.zstdCompressSync(body);
    case "br":
      return zlib.brotliCompressSync(body);
    case "gzip":
      return zlib.gzipSync(body);
    case "deflate":
      return zlib.deflateSync(body);
    default:
      throw new Error(`unknown coding ${coding}`);
  }
}

/** A decoder that shows what has come so far, as a browser does with a stream. */
export class StreamDecoder {
  readonly #decoder: Transform;
  #text = "";
  #given = 0;
  #onText: () => void = () => {};

  constructor(coding: string) {
    this.#decoder =
      coding === "zstd"
        ? zlib.createZstdDecompress()
        : coding === "br"
          ? zlib.createBrotliDecompress()
          : zlib.createGunzip();
    this.#decoder.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString();
      this.#onText();
    });
    this.#decoder.on("error", () => {});
  }

  /** Waits until `text` can be read of `received`, all that has come so far; it may grow meanwhile. */
  async untilText(text: string, received: () => Buffer): Promise<void> {
    while (!this.#text.includes(text)) {
      const all = received();
      if (all.length > this.#given) {
        this.#decoder.write(all.subarray(this.#given));
        this.#given = all.length;
      }
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
        setImmediate(resolve);
      });
    }
  }

  close(): void {
    this.#decoder.destroy();
  }
}
