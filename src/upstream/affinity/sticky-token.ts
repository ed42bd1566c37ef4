/**
 * The value of a sticky cookie: `ID.MAC`, or `ID.SLOT.MAC` if it expires. ID and MAC are HMAC-SHA256 over the
 * upstream's name and the endpoint's URL, cut to 48 and 128 bits. So without the secret the value tells nothing about
 * the endpoint, and nobody can forge one (RFC 2104; truncation: section 5).
 *
 * Time counts in slots of a quarter of `maxAgeMs`: all clients of an endpoint have the same token within a slot, so a
 * signature is computed once a slot and not once a request. A token is valid for four slots after its own, and is
 * renewed in the last two of them.
 */
import { cryptoLibrary } from "../../base/crypto-library.ts";
import type { Clock } from "../../base/clock.ts";

/** What a token says. */
export interface TokenReading {
  /** The URL of the endpoint. */
  readonly url: string;
  /** It is time for a new one. */
  readonly isStale: boolean;
}

const idBytes = 6;
const macBytes = 16;
/** A signature as text. */
const macLength = 22;
const slotsAlive = 4;
const slotsFresh = 2;
/** Instances' clocks may differ: a token of the next slot is valid, too. */
const slotsAhead = 1;

/** A signature as it is written and as it is compared. */
interface Mac {
  readonly text: string;
  readonly bytes: Buffer;
}

/** Makes and reads the tokens of one upstream. */
export class StickyTokens {
  readonly #secret: Uint8Array;
  readonly #upstreamName: string;
  readonly #slotMs: number;
  readonly #clock: Clock;
  readonly #urlsById: ReadonlyMap<string, string>;
  readonly #idsByUrl: ReadonlyMap<string, string>;
  /** The signatures of the tokens that are in use, by what they sign. */
  readonly #macs = new Map<string, Mac>();
  /** The signature under test. */
  readonly #given = Buffer.alloc(macLength);

  /**
   * @param parts.maxAgeMs 0 = tokens do not expire
   * @param parts.clock its wall time must agree among instances
   */
  constructor(parts: {
    secret: Uint8Array;
    upstreamName: string;
    urls: readonly string[];
    maxAgeMs: number;
    clock: Clock;
  }) {
    this.#secret = parts.secret;
    this.#upstreamName = parts.upstreamName;
    this.#slotMs = parts.maxAgeMs / slotsAlive;
    this.#clock = parts.clock;
    this.#idsByUrl = new Map(parts.urls.map((url) => [url, this.#sign(`id\n${url}`, idBytes)]));
    this.#urlsById = new Map([...this.#idsByUrl].map(([url, id]) => [id, url]));
  }

  /** The token for an endpoint of this upstream, as of now. */
  create(url: string): string {
    const slot = this.#slotMs === 0 ? null : this.#currentSlot();
    const id = this.#idsByUrl.get(url) ?? "";
    return slot === null
      ? `${id}.${this.#macOf(url, slot).text}`
      : `${id}.${slot.toString(36)}.${this.#macOf(url, slot).text}`;
  }

  /** What `token` says; null if it is not one of ours, is expired, or names an endpoint that is gone. */
  read(token: string): TokenReading | null {
    const match =
      this.#slotMs === 0
        ? /^([\w-]{8})()\.([\w-]{22})$/.exec(token)
        : /^([\w-]{8})\.([\da-z]{1,10})\.([\w-]{22})$/.exec(token);
    if (match === null) return null;
    const [, id = "", slotText = "", mac = ""] = match;
    const url = this.#urlsById.get(id);
    if (url === undefined) return null;
    const slot = slotText === "" ? null : parseInt(slotText, 36);
    const age = slot === null ? 0 : this.#currentSlot() - slot;
    if (age > slotsAlive || age < -slotsAhead) return null;
    // Both are ASCII of one length, by the pattern above; the comparison takes the same time wherever they differ.
    this.#given.latin1Write(mac);
    if (!cryptoLibrary().timingSafeEqual(this.#given, this.#macOf(url, slot).bytes)) return null;
    return { url, isStale: age >= slotsFresh };
  }

  #currentSlot(): number {
    return Math.floor(this.#clock.wall() / this.#slotMs);
  }

  #macOf(url: string, slot: number | null): Mac {
    const text = `${slot ?? "session"}\n${url}`;
    let mac = this.#macs.get(text);
    if (mac === undefined) {
      // Only valid slots come here, so it is enough to forget all now and then.
      if (this.#macs.size > (slotsAlive + slotsAhead + 1) * 2 * this.#idsByUrl.size) this.#macs.clear();
      const signature = this.#sign(text, macBytes);
      mac = { text: signature, bytes: Buffer.from(signature, "latin1") };
      this.#macs.set(text, mac);
    }
    return mac;
  }

  #sign(text: string, bytes: number): string {
    return cryptoLibrary()
      .createHmac("sha256", this.#secret)
      .update(`${this.#upstreamName}\n${text}`)
      .digest()
      .subarray(0, bytes)
      .toString("base64url");
  }
}
