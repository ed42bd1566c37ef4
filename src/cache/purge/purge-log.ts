/**
 * The purges of a process, in shared memory: numbered from 1, written by the control thread, read by all threads. An
 * answer carries the number of the last purge when its fetch began, so whatever was purged since then concerns it, also
 * if it is stored only afterwards.
 *
 * Nothing waits for a thread: a purge holds from the moment in which its number is published. Stores free the memory
 * afterwards (`purge-sweeper.ts`); `floor` is the last purge that all of them are through with.
 *
 * Layout: a line of 64-bit numbers, then a ring of records. A record is a multiple of 16 bytes and never wraps: four
 * words (number in two halves, length of the value with kind and softness, unused) and the value in latin1. Positions
 * count on for ever; modulo the size of the ring they are places. Records are kept as long as there is room, since
 * answers whose fetch is under way are judged by them; the oldest give way to new ones, but not above the floor.
 */
import type { ReservedRegion, SharedMemory, SharedRegion } from "../../base/shared-memory.ts";
import { maxPurgeBytes, type Purge, type PurgeableAnswer, purgeKinds, type PurgeVerdict } from "./purge.ts";
import { PurgeIndex } from "./purge-index.ts";

const headBytes = 64;
const ringBytes = 1_048_576;
const recordHeadBytes = 16;
const regionKey = "cache-purges";

/** Places in the first line. */
const sequenceAt = 0;
const floorAt = 1;
/** The position of the oldest record, and of the next one to be written. */
const startAt = 2;
const endAt = 3;
/** The number of the oldest record, or of the next one if there is none; 0 = nothing has given way yet. */
const oldestAt = 4;

/** Instead of a length: the rest of the ring is empty, the next record is at its beginning. */
const skipMark = 0xffffffff;
const softBit = 1 << 24;

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const lowWord = isLittleEndian ? 0 : 1;

/** One thread's window on the purges of the process. */
export class PurgeLog {
  readonly #numbers: BigInt64Array<SharedArrayBuffer>;
  /** The same as halves: what is looked at for each hit is one 32-bit word, and needs no BigInt. */
  readonly #halves: Int32Array<SharedArrayBuffer>;
  readonly #words: Uint32Array<SharedArrayBuffer>;
  readonly #bytes: Buffer;
  readonly #ringBytes: number;
  readonly #index = new PurgeIndex();
  /** The last purge that is in the index, and its lower half. */
  #sequence = 0;
  #sequenceLow = 0;
  #floor = 0;
  #floorLow = 0;
  /** Where the next record to be read is, and which number the oldest one of the index has. */
  #position = 0;
  #oldest = 1;

  private constructor({ buffer, byteOffset, byteLength }: SharedRegion) {
    this.#ringBytes = byteLength - headBytes;
    this.#numbers = new BigInt64Array(buffer, byteOffset, headBytes / 8);
    this.#halves = new Int32Array(buffer, byteOffset, headBytes / 4);
    this.#words = new Uint32Array(buffer, byteOffset + headBytes, this.#ringBytes / 4);
    this.#bytes = Buffer.from(buffer, byteOffset + headBytes, this.#ringBytes);
  }

  /** Makes the log in `memory`, in the control thread; what is there already stays. */
  static reserve(memory: SharedMemory): ReservedRegion {
    memory.region(regionKey, headBytes + ringBytes);
    // It stays without caches, too: what a disk holds carries its numbers.
    return { key: regionKey, clearStripe: null, isCounting: () => true };
  }

  /** Opens the log that was reserved. */
  static open(memory: SharedMemory): PurgeLog {
    return new PurgeLog(memory.region(regionKey, headBytes + ringBytes));
  }

  /** Opens a log in a region of its own, for tests of small ones. @param region a multiple of 16 bytes */
  static openRegion(region: SharedRegion): PurgeLog {
    return new PurgeLog(region);
  }

  /** The number of the last purge; 0 = none yet. Take it before a fetch begins. */
  get sequence(): number {
    return Atomics.load(this.#halves, 2 * sequenceAt + lowWord) === this.#sequenceLow
      ? this.#sequence
      : this.#load(sequenceAt);
  }

  /** The last purge that all stores are through with. Take it before a look-up begins. */
  get floor(): number {
    const low = Atomics.load(this.#halves, 2 * floorAt + lowWord);
    if (low !== this.#floorLow) {
      this.#floor = this.#load(floorAt);
      this.#floorLow = lowHalf(this.#floor);
    }
    return this.#floor;
  }

  /**
   * Judges an answer that was found in a store. Costs one atomic load if nothing was purged since.
   * @param floor `floor` from before the look-up: what was found then, the stores have checked up to there
   */
  judgeFound(answer: PurgeableAnswer, floor: number): PurgeVerdict {
    return this.#judge(answer, answer.purgeSequence > floor ? answer.purgeSequence : floor);
  }

  /** Judges an answer that is in no store yet: to be committed, or to be read by somebody else while it grows. */
  judgeDraft(answer: PurgeableAnswer): PurgeVerdict {
    return this.#judge(answer, answer.purgeSequence);
  }

  /** By the purges above `base`. If some of them have given way already, they are taken to concern the answer. */
  #judge(answer: PurgeableAnswer, base: number): PurgeVerdict {
    if (Atomics.load(this.#halves, 2 * sequenceAt + lowWord) !== this.#sequenceLow) this.#catchUp();
    if (base >= this.#sequence) return "valid";
    return base + 1 < this.#oldest ? "gone" : this.#index.judge(answer, base);
  }

  /**
   * Publishes a purge; from then on it holds in all threads. In the control thread alone.
   * @returns its number; 0 = there is no room before the stores are through with older ones
   */
  append(purge: Purge): number {
    const length = Buffer.byteLength(purge.value, "latin1");
    if (length > maxPurgeBytes) throw new RangeError(`a purge has ${length} bytes, more than ${maxPurgeBytes}`);
    const recordBytes = recordBytesOf(length);
    const end = this.#load(endAt);
    const position = end + recordBytes > this.#nextRound(end) ? this.#nextRound(end) : end;
    if (!this.#makeRoom(position, recordBytes)) return 0;
    if (position !== end) this.#words[this.#wordOf(end) + 2] = skipMark;
    const sequence = this.#load(sequenceAt) + 1;
    const word = this.#wordOf(position);
    this.#words[word] = sequence % 2 ** 32;
    this.#words[word + 1] = Math.floor(sequence / 2 ** 32);
    this.#words[word + 2] = length | (purgeKinds.indexOf(purge.kind) << 16) | (purge.isSoft ? softBit : 0);
    this.#bytes.latin1Write(purge.value, (position % this.#ringBytes) + recordHeadBytes, length);
    this.#store(endAt, position + recordBytes);
    this.#store(sequenceAt, sequence);
    return sequence;
  }

  /** Says that all stores are through with the purges up to `sequence`. In the control thread alone. */
  setFloor(sequence: number): void {
    if (sequence > this.#load(floorAt)) this.#store(floorAt, sequence);
  }

  /** Lets go of the oldest records until there is room for `bytes` at `position`. */
  #makeRoom(position: number, bytes: number): boolean {
    const floor = this.#load(floorAt);
    const written = this.#load(endAt);
    let start = this.#load(startAt);
    let oldest = Math.max(this.#load(oldestAt), 1);
    while (position + bytes - start > this.#ringBytes) {
      const word = this.#wordOf(start);
      if (start === written) start = position;
      else if (this.#isSkip(word)) start = this.#nextRound(start);
      else {
        if (oldest > floor) return false;
        oldest++;
        start += recordBytesOf(this.#words[word + 2]! & 0xffff);
      }
    }
    // Published before their bytes are overwritten: a reader looks at it after it has copied a record.
    this.#store(oldestAt, oldest);
    this.#store(startAt, start);
    return true;
  }

  /** Reads what is new, and forgets what has given way. */
  #catchUp(): void {
    const sequence = this.#load(sequenceAt);
    while (this.#sequence < sequence) {
      const start = this.#load(startAt);
      if (this.#position < start) this.#position = start;
      const found = this.#readRecord();
      if (found === null) continue;
      if (found.sequence !== this.#sequence + 1) {
        this.#index.forgetBefore(found.sequence);
        this.#oldest = found.sequence;
      }
      this.#index.add(found.purge, found.sequence);
      this.#sequence = found.sequence;
    }
    this.#sequenceLow = lowHalf(this.#sequence);
    const oldest = this.#load(oldestAt);
    if (oldest <= this.#oldest) return;
    this.#index.forgetBefore(oldest);
    this.#oldest = oldest;
  }

  /** Reads the record at `#position` and goes on behind it. @returns null if none is there, or none any more */
  #readRecord(): { purge: Purge; sequence: number } | null {
    const position = this.#position;
    const word = this.#wordOf(position);
    const form = this.#words[word + 2]!;
    const sequence = this.#words[word]! + this.#words[word + 1]! * 2 ** 32;
    const length = Math.min(form & 0xffff, maxPurgeBytes);
    const from = (position % this.#ringBytes) + recordHeadBytes;
    const value = this.#bytes.latin1Slice(from, Math.min(from + length, this.#ringBytes));
    // It was given up meanwhile: what was read may be of another record, or of parts of two.
    if (this.#load(startAt) > position) return null;
    if (form === skipMark) {
      this.#position = this.#nextRound(position);
      return null;
    }
    this.#position = position + recordBytesOf(length);
    return { purge: { kind: purgeKinds[(form >> 16) & 0xff]!, value, isSoft: (form & softBit) !== 0 }, sequence };
  }

  #isSkip(word: number): boolean {
    return this.#words[word + 2] === skipMark;
  }

  /** The first position of the next round of the ring. */
  #nextRound(position: number): number {
    return position + this.#ringBytes - (position % this.#ringBytes);
  }

  #wordOf(position: number): number {
    return (position % this.#ringBytes) / 4;
  }

  #load(place: number): number {
    return Number(Atomics.load(this.#numbers, place));
  }

  /** By an exchange, which later plain writes of this thread do not overtake on any processor. */
  #store(place: number, value: number): void {
    Atomics.exchange(this.#numbers, place, BigInt(value));
  }
}

function recordBytesOf(valueBytes: number): number {
  return recordHeadBytes + Math.ceil(valueBytes / 16) * 16;
}

/** As an `Int32Array` shows it. */
function lowHalf(value: number): number {
  return Number(BigInt.asIntN(32, BigInt(value)));
}
