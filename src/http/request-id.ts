/**
 * Request ids: the client's own if it is harmless, else one that no other request anywhere has. Made without asking
 * the system's random source for each: a random prefix a thread, and a counter behind it, scrambled so that ids neither
 * sort nor give away the request rate at a glance. Not a secret.
 */
import { mix32 } from "../base/hash.ts";
import { systemRandomBytes } from "../base/system-random.ts";

/** May a client's X-Request-ID be kept: short, and nothing in it that means something to a log, a shell or a page? */
export function isRequestId(text: string): boolean {
  return /^[\w.+/=:@-]{1,128}$/.test(text);
}

const hexPairs = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

const hex32 = (value: number): string =>
  (hexPairs[value >>> 24] ?? "") +
  (hexPairs[(value >>> 16) & 255] ?? "") +
  (hexPairs[(value >>> 8) & 255] ?? "") +
  (hexPairs[value & 255] ?? "");

/** Makes ids of 24 hex digits. One a thread. */
export class RequestIdSource {
  readonly #drawRandom: () => Uint32Array;
  #prefix = "";
  #salt = 0;
  #counter = 0;

  /** @param drawRandom gives three random words; default: from the system. */
  constructor(drawRandom: () => Uint32Array = () => new Uint32Array(systemRandomBytes(12).buffer)) {
    this.#drawRandom = drawRandom;
    this.#renew();
  }

  /** A new id. 2^32 of them share a prefix; then another is drawn. */
  next(): string {
    // A bijection: different counts give different ids.
    const id = this.#prefix + hex32(mix32(this.#counter ^ this.#salt));
    this.#counter = (this.#counter + 1) >>> 0;
    if (this.#counter === 0) this.#renew();
    return id;
  }

  /** What goes upstream as X-Request-ID: `received` if it may be kept, else a new id. */
  choose(received: string | null): string {
    return received !== null && isRequestId(received) ? received : this.next();
  }

  #renew(): void {
    const [high = 0, low = 0, salt = 0] = this.#drawRandom();
    this.#prefix = hex32(high) + hex32(low);
    this.#salt = salt;
  }
}
