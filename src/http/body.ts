/**
 * Bodies of requests and answers on their way, without a protocol. Whoever has a body gives it to a sink, chunk by
 * chunk; the sink says how fast, and says if it wants no more. The bytes of a tunnel go the same way.
 *
 * Who owns a chunk: the giver lends it to the sink with `data`. It is the giver's again as soon as `flush` or `end` has
 * returned true. If one of them returns false, all chunks since the last flush are the sink's for good, and the giver
 * must not touch their memory any more. So a sink that hands chunks on returns what the next sink has returned, and a
 * sink that keeps a chunk copies it or returns false.
 *
 * A body ends once: with `end` if it is complete, with `abort` if it breaks off. After either, and after `stop`, the
 * sink gets nothing more.
 */
import type { Fields } from "./fields.ts";
import type { ReasonCode } from "./reason.ts";

/** The length of a body in bytes, 0 = there is none; "unknown" = only its end tells. */
export type BodyLength = number | "unknown";

/** Takes a body. */
export interface BodySink {
  /** Takes some of it. `chunk` is lent: after the next `flush` or `end` it is the giver's again (true) or the sink's. */
  data(chunk: Buffer): void;
  /**
   * Nothing more comes for now: what was held back to share one write goes out.
   * @returns false if no more should come until `BodySource.resume`; then the chunks since the last flush are given
   */
  flush(): boolean;
  /**
   * The body is complete. @param trailers null if there are none
   * @returns false if the chunks since the last flush are still needed; then they are given
   */
  end(trailers: Fields | null): boolean;
  /** The body breaks off: whoever has taken its beginning must not take it for complete. */
  abort(code: ReasonCode): void;
}

/** Gives a body to the sink that it was opened with. */
export interface BodySource {
  /** The sink, whose `flush` has returned false, can take more. */
  resume(): void;
  /** The sink wants no more of it, for the reason `code`. Harmless if the body has ended. */
  stop(code: ReasonCode): void;
}

/** The body of a request, for whoever asks for it. */
export interface RequestBody {
  readonly length: BodyLength;
  /** It is at hand, and `open` can be called again and again. */
  readonly isRepeatable: boolean;
  /**
   * Gives the body to `sink` from its first byte; chunks may come before this returns. At most once an exchange, unless
   * `isRepeatable`; then the sink before gets nothing more.
   */
  open(sink: BodySink): BodySource;
}

/** A source that has nothing left to give. */
export const emptySource: BodySource = { resume: () => {}, stop: () => {} };

/** A sink for what nobody wants. */
export const nowhere: BodySink = {
  data: () => {},
  flush: () => true,
  end: () => true,
  abort: () => {},
};

/** The body of a request that has none. */
export const noBody: RequestBody = {
  length: 0,
  isRepeatable: true,
  open(sink) {
    sink.end(null);
    return emptySource;
  },
};
