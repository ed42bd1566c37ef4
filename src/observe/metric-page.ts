/**
 * A page: a piece of shared memory into which one thread writes metrics and which any thread may read at any time,
 * without a lock.
 *
 * Layout: a header of 16 bytes (magic, number of records, version, an unused word); records growing upward, each four
 * 32-bit words (type, first slot, slots and room for text, bytes of text) and the series' text in UTF-8; float64 slots
 * growing downward from the end. A record is complete before the number of records is published with `Atomics.store`. A
 * series that is let go leaves its record and slots to another of the same number of slots: the version is odd while a
 * record is being changed, and another afterwards, so that a reader never takes half a change. Slots are written with
 * plain stores: there is one writer, and an aligned 64-bit store is seen whole on every platform that Node.js supports.
 */

const magic = 0x6d72_0001;
const headerBytes = 16;
const recordHeadBytes = 16;
/** Room for text comes in steps, so that names of about the same length can follow each other. */
const textStepBytes = 32;
/** Slots stand in the low bits of their word, steps of room above. */
const slotBits = 8;

/** The type of a series as stored in a record; 0 = the record has none. */
export const SeriesType = { counter: 1, gauge: 2, histogram: 3 } as const;
export type SeriesType = (typeof SeriesType)[keyof typeof SeriesType];

/** A series found in a page. */
export interface PageRecord {
  readonly type: SeriesType;
  /** The series as the exposition writes it: `family{label="value"}`, without braces if there are no labels. */
  readonly text: string;
  readonly firstSlot: number;
  readonly slotCount: number;
}

/** A record as its writer knows it. */
export interface WrittenRecord {
  readonly at: number;
  readonly firstSlot: number;
  readonly slotCount: number;
  readonly roomBytes: number;
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

  /** Adds a series with `slotCount` zeroed slots. @returns its record, or null if the page is full. */
  append(type: SeriesType, text: string, slotCount: number): WrittenRecord | null {
    const encoded = Buffer.from(text, "utf8");
    const steps = Math.ceil(encoded.length / textStepBytes);
    const at = this.#recordEnd;
    const end = at + recordHeadBytes + steps * textStepBytes;
    const firstSlot = this.#slotStart - slotCount;
    if (end > firstSlot * 8) return null;
    const record = { at, firstSlot, slotCount, roomBytes: steps * textStepBytes };
    this.#write(record, type, encoded);
    this.#recordEnd = end;
    this.#slotStart = firstSlot;
    this.#count++;
    Atomics.store(this.#words, 1, this.#count);
    return record;
  }

  /** Lets a series go; its slots keep their values until another takes them. */
  remove(record: WrittenRecord): void {
    this.#change(() => {
      this.#words[record.at / 4] = 0;
    });
  }

  /**
   * Gives the record of a series that was let go, and its slots, zeroed, to another of as many slots. @returns false if
   * the text has no room
   */
  reuse(record: WrittenRecord, type: SeriesType, text: string): boolean {
    const encoded = Buffer.from(text, "utf8");
    if (encoded.length > record.roomBytes) return false;
    this.#change(() => {
      this.values.fill(0, record.firstSlot, record.firstSlot + record.slotCount);
      this.#write(record, type, encoded);
    });
    return true;
  }

  #change(change: () => void): void {
    Atomics.add(this.#words, 2, 1);
    change();
    Atomics.add(this.#words, 2, 1);
  }

  #write({ at, firstSlot, slotCount, roomBytes }: WrittenRecord, type: SeriesType, encoded: Buffer): void {
    const word = at / 4;
    this.#words[word] = type;
    this.#words[word + 1] = firstSlot;
    this.#words[word + 2] = slotCount + ((roomBytes / textStepBytes) << slotBits);
    this.#words[word + 3] = encoded.length;
    this.#bytes.set(encoded, at + recordHeadBytes);
  }
}

/** The reading side of a page; remembers how far it has read. */
export class PageReader {
  readonly values: Float64Array;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  #at = headerBytes;
  #read = 0;
  #version = 0;

  /** @throws RangeError when `buffer` is no page. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#bytes = Buffer.from(buffer);
    this.values = new Float64Array(buffer);
    if (this.#words[0] !== magic) throw new RangeError("not a metric page");
  }

  /** The records published since the last call, or all records if some were changed. */
  take(): { readonly isAll: boolean; readonly records: readonly PageRecord[] } {
    const version = Atomics.load(this.#words, 2);
    if (version === this.#version) return { isAll: false, records: this.#takeNew() };
    const at = this.#at;
    const read = this.#read;
    this.#at = headerBytes;
    this.#read = 0;
    const records = version % 2 === 0 ? this.#takeNew() : [];
    if (version % 2 === 0 && Atomics.load(this.#words, 2) === version) {
      this.#version = version;
      return { isAll: true, records };
    }
    // It is being changed: the next look will see it.
    this.#at = at;
    this.#read = read;
    return { isAll: false, records: [] };
  }

  #takeNew(): PageRecord[] {
    const published = Atomics.load(this.#words, 1);
    const records: PageRecord[] = [];
    for (; this.#read < published; this.#read++) {
      const word = this.#at / 4;
      const type = this.#words[word] ?? 0;
      const layout = this.#words[word + 2] ?? 0;
      const textStart = this.#at + recordHeadBytes;
      const roomBytes = (layout >>> slotBits) * textStepBytes;
      const textEnd = textStart + Math.min(this.#words[word + 3] ?? 0, roomBytes);
      if (type !== 0) {
        records.push({
          type: type as SeriesType,
          firstSlot: this.#words[word + 1] ?? 0,
          slotCount: layout & ((1 << slotBits) - 1),
          text: this.#bytes.toString("utf8", textStart, textEnd),
        });
      }
      this.#at = textStart + roomBytes;
    }
    return records;
  }
}
