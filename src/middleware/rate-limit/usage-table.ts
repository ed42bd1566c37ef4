/**
 * What a limit has admitted since somebody asked last, by key, in memory that all threads share: the threads count, the
 * control thread takes the counts away. For limits whose counts are exchanged with other instances; see
 * `store/exchange/`. It is as exact as it needs to be: if a set is full, the new key is not counted here, and a count that
 * comes while its place is given up is lost.
 */
import { KeyedHash } from "../../base/keyed-hash.ts";
import { type SharedMemory, type SharedRegion, wordsOf } from "../../base/shared-memory.ts";

/** Keys that are longer are not counted. */
const maxKeyLength = 140;
const sets = 256;
const ways = 8;
const headerWords = 16;
/** State, two halves of the hash, count, length, and the key, a byte a character. */
const placeWords = 5 + maxKeyLength / 4;

const State = { free: 0, writing: 1, ready: 2 } as const;

/** One thread's access to the table. */
export class UsageTable {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #hash: KeyedHash;
  /** Places that somebody was writing when they were collected last: if he still is, he has died. */
  readonly #writing = new Set<number>();

  /** @param region made by `reserve`. */
  constructor(region: SharedRegion) {
    this.#words = wordsOf(region);
    this.#bytes = new Uint8Array(region.buffer, region.byteOffset, region.byteLength);
    this.#hash = new KeyedHash(this.#words[1]!, this.#words[2]!);
  }

  /** Makes the region `key` in `memory`, or finds it. Only one thread may do that. */
  static reserve(memory: SharedMemory, key: string): SharedRegion {
    const region = memory.region(key, (headerWords + sets * ways * placeWords) * 4);
    const words = wordsOf(region);
    if (words[0] === 0) {
      const [low = 0, high = 0] = crypto.getRandomValues(new Int32Array(2));
      words.set([1, low, high]);
    }
    return region;
  }

  /** Counts one request of `key`. */
  add(key: string): void {
    const words = this.#words;
    if (key.length > maxKeyLength) return;
    this.#hash.update(key);
    const { low, high } = this.#hash;
    const first = headerWords + (high & (sets - 1)) * ways * placeWords;
    let free = -1;
    for (let place = first; place < first + ways * placeWords; place += placeWords) {
      const state = Atomics.load(words, place);
      if (state === State.free && free === -1) free = place;
      if (state !== State.ready || words[place + 1] !== low || words[place + 2] !== high) continue;
      Atomics.add(words, place + 3, 1);
      return;
    }
    if (free === -1 || Atomics.compareExchange(words, free, State.free, State.writing) !== State.free) return;
    words[free + 1] = low;
    words[free + 2] = high;
    words[free + 3] = 1;
    words[free + 4] = key.length;
    const at = (free + 5) * 4;
    for (let index = 0; index < key.length; index++) this.#bytes[at + index] = key.charCodeAt(index);
    Atomics.store(words, free, State.ready);
  }

  /** Takes all counts away. In one thread only. */
  collect(take: (key: string, count: number) => void): void {
    const words = this.#words;
    for (let place = headerWords; place < words.length; place += placeWords) {
      const state = Atomics.load(words, place);
      if (state === State.ready) {
        const count = Atomics.exchange(words, place + 3, 0);
        if (count === 0) Atomics.store(words, place, State.free);
        else take(this.#keyAt(place), count);
      }
      if (state !== State.writing) this.#writing.delete(place);
      else if (!this.#writing.has(place)) this.#writing.add(place);
      else Atomics.compareExchange(words, place, State.writing, State.free);
    }
  }

  #keyAt(place: number): string {
    const at = (place + 5) * 4;
    let key = "";
    for (const byte of this.#bytes.subarray(at, at + this.#words[place + 4]!)) key += String.fromCharCode(byte);
    return key;
  }

  /** Whether the counts of all instances come together; the control thread says so. */
  get isExchanged(): boolean {
    return Atomics.load(this.#words, 3) === 1;
  }

  set isExchanged(value: boolean) {
    Atomics.store(this.#words, 3, value ? 1 : 0);
  }
}
