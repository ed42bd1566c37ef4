/**
 * Keeps interim answers (1xx) within bounds, without counting them: a proxy must pass them on (RFC 9110 section 15.2),
 * and an endpoint may report the progress of an upload for hours (102 of WebDAV, 104 of resumable uploads).
 *
 * A flood is told by its rate and by its bytes. An endpoint earns interim answers by time and by the request body it
 * takes: one that reports after each piece of an upload is no flood, however fast the upload.
 */

/** Bytes of interim heads in answer to one request. */
export const maxInterimBytes = 4_194_304;
/** How many interim answers may come at once. */
export const maxInterimBurst = 256;
/** How many more may come in each second. */
export const maxInterimRate = 100;
/** How many bytes of the request body an endpoint has to take for one more. */
export const bodyBytesPerInterim = 4_096;
/**
 * How long, in milliseconds, interim answers alone can put off the end of the wait for the head of the answer, unless
 * that wait is longer.
 */
export const maxInterimWaitMs = 3_600_000;

/** Judges the interim answers of one connection to an endpoint; begun again for every answer. */
export class InterimGuard {
  /** One came. */
  hasSeen = false;
  /** The client is slow to take the last one: no more is to be read than it takes. */
  isHeld = false;
  #byteCount = 0;
  #credit = maxInterimBurst;
  /** The time up to which the credit was last reckoned. */
  #creditMs = 0;
  #creditSentBytes = 0;
  /** Since when the wait has been put off, and how much of the request had been sent by then; -1 = it has not. */
  #waitingSinceMs = -1;
  #waitingSentBytes = 0;

  reset(): void {
    this.isHeld = false;
    if (!this.hasSeen) return;
    this.hasSeen = false;
    this.#byteCount = 0;
    this.#waitingSinceMs = -1;
  }

  /**
   * Counts one. @param sentBytes of request bodies on this connection so far. @returns what is wrong with it, or null
   */
  take(headBytes: number, nowMs: number, sentBytes: number): string | null {
    if (!this.hasSeen) this.#credit = maxInterimBurst;
    else {
      const byTime = ((nowMs - this.#creditMs) * maxInterimRate) / 1_000;
      const byBody = (sentBytes - this.#creditSentBytes) / bodyBytesPerInterim;
      this.#credit = Math.min(maxInterimBurst, this.#credit + byTime + byBody);
    }
    this.hasSeen = true;
    this.#creditMs = nowMs;
    this.#creditSentBytes = sentBytes;
    this.#byteCount += headBytes;
    if (this.#byteCount > maxInterimBytes) return "too many bytes of interim answers";
    if (this.#credit < 1) return "interim answers too fast";
    this.#credit--;
    return null;
  }

  /**
   * How long the head may be waited for from now on: `timeoutMs` again after each interim answer, for
   * `maxInterimWaitMs` since the last byte of the request body left. @returns 0 if `timeoutMs` is 0, for no limit;
   * else at least 1
   */
  waitMs(timeoutMs: number, nowMs: number, sentBytes: number): number {
    if (timeoutMs === 0) return 0;
    if (this.#waitingSinceMs === -1 || this.#waitingSentBytes !== sentBytes) {
      this.#waitingSinceMs = nowMs;
      this.#waitingSentBytes = sentBytes;
    }
    const leftMs = this.#waitingSinceMs + Math.max(maxInterimWaitMs, timeoutMs) - nowMs;
    return Math.max(1, Math.min(timeoutMs, leftMs));
  }
}
