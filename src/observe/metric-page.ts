/**
 * A page: a piece of shared memory into which one thread writes metrics and which any thread may read at any time, without a lock.
 *
 * Layout: a header of 16 bytes (magic, number of records, two unused words); records growing upward, each four 32-bit words (type, first slot, slots, bytes of text)
 * and the series' text in UTF-8, padded to four bytes; float64 slots growing downward from the end. A record is complete before the number of records is
 * published with `Atomics.store`, and is never changed or removed after. Slots are written with plain stores: there is one writer, and an aligned
 * 64-bit store is seen whole on every platform that Node.js supports.
 */

const magic = 0x6d72_0001;
const headerBytes = 16;
const recordHeadBytes = 16;

/** The type of a series as stored in a record. */
export const SeriesType = { counter: 1, gauge: 2, histogram: 3 } as const;
export type SeriesType = (typeof SeriesType)[keyof typeof SeriesType];

/** A series found in a page. */
export interface PageRecord {
  readonly type: SeriesType;
  /** The series as the exposition writes it: `family{label="value"}`, without braces where there are no labels. */
  readonly text: string;
  readonly firstSlot: number;
  readonly slotCount: number;
}

/** Makes an empty page of `byteLength` bytes (rounded up to 8). */
export function createPageBuffer(byteLength: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(Math.max(256, Math.ceil(byteLength / 8) * 8));
  new Int32Array(buffer)[0] = magic;
  return buffer;
}

/** The writing side of a page. One a page. */
export class PageWriter {
  readonly buffer: SharedArrayBuffer;
  /** All of the page as float64; slots index into this. */
  readonly values: Float64Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #recordEnd = headerBytes;
  #slotStart: number;
  #count = 0;

  /** @param buffer an empty page. @throws RangeError when it is not one. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.values = new Float64Array(buffer);
    this.#slotStart = this.values.length;
    if (this.#words[0] !== magic || this.#words[1] !== 0) throw new RangeError("not an empty metric page");
  }

  /** Adds a series with `slotCount` zeroed slots. @returns its first slot, or -1 where the page is full. */
  append(type: SeriesType, text: string, slotCount: number): number {
    const encoded = Buffer.from(text, "utf8");
    const at = this.#recordEnd;
    const end = at + recordHeadBytes + Math.ceil(encoded.length / 4) * 4;
    const firstSlot = this.#slotStart - slotCount;
    if (end > firstSlot * 8) return -1;
    const word = at / 4;
    this.#words[word] = type;
    this.#words[word + 1] = firstSlot;
    this.#words[word + 2] = slotCount;
    this.#words[word + 3] = encoded.length;
    this.#bytes.set(encoded, at + recordHeadBytes);
    this.#recordEnd = end;
    this.#slotStart = firstSlot;
    this.#count++;
    Atomics.store(this.#words, 1, this.#count);
    return firstSlot;
  }
}

/** The reading side of a page; remembers how far it has read. */
export class PageReader {
  readonly values: Float64Array;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  #at = headerBytes;
  #read = 0;

  /** @throws RangeError when `buffer` is no page. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#bytes = Buffer.from(buffer);
    this.values = new Float64Array(buffer);
    if (this.#words[0] !== magic) throw new RangeError("not a metric page");
  }

  /** The records published since the last call. */
  takeNew(): PageRecord[] {
    const published = Atomics.load(this.#words, 1);
    const records: PageRecord[] = [];
    for (; this.#read < published; this.#read++) {
      const word = this.#at / 4;
      const textLength = this.#words[word + 3] ?? 0;
      const textStart = this.#at + recordHeadBytes;
      records.push({
        type: this.#words[word] as SeriesType,
        firstSlot: this.#words[word + 1] ?? 0,
        slotCount: this.#words[word + 2] ?? 0,
        text: this.#bytes.toString("utf8", textStart, textStart + textLength),
      });
      this.#at = textStart + Math.ceil(textLength / 4) * 4;
    }
    return records;
  }
}
