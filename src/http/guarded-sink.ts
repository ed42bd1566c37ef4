/** Keeps what goes wrong behind a sink from whoever gives to it. */
import { type BodySink, nowhere } from "./body.ts";
import type { Fields } from "./fields.ts";
import type { ReasonCode } from "./reason.ts";

/** Whom the exceptions of a sink are told: ends what the sink belongs to, an exchange as a rule. */
export interface CrashSite {
  crash(error: unknown): void;
}

/** A sink that never throws: with the first exception of the one behind it the exchange ends, and that one gets no more. */
export class GuardedSink implements BodySink {
  /** The one behind it; `nowhere` once that one is to get nothing more. */
  protected sink: BodySink;
  readonly #site: CrashSite;

  constructor(sink: BodySink, site: CrashSite) {
    this.sink = sink;
    this.#site = site;
  }

  data(chunk: Buffer): void {
    try {
      this.sink.data(chunk);
    } catch (error) {
      this.#crash(error);
    }
  }

  flush(): boolean {
    try {
      return this.sink.flush();
    } catch (error) {
      this.#crash(error);
      return false;
    }
  }

  end(trailers: Fields | null): boolean {
    try {
      return this.sink.end(trailers);
    } catch (error) {
      this.#crash(error);
      return false;
    }
  }

  abort(code: ReasonCode): void {
    const { sink } = this;
    // Both the exchange and whoever gives the answer may break it off.
    this.sink = nowhere;
    try {
      sink.abort(code);
    } catch (error) {
      this.#crash(error);
    }
  }

  #crash(error: unknown): void {
    this.sink = nowhere;
    this.#site.crash(error);
  }
}
