/**
 * Messages of the domain name system (RFC 1035 section 4): a question is written, an answer read. Of the records only
 * those are read that say where something is: A, AAAA, CNAME, SRV, and of SOA how long an absence holds. Everything is
 * bounded by the message, at most 64 KiB: a name by 255 bytes, and a compressed one points back only.
 */
import { normalizeIp } from "../../base/ip-address.ts";

/** The kinds of records that are read, by their name. */
export const recordCodes = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33 } as const;
/** The name of a kind of record. */
export type RecordType = keyof typeof recordCodes;

/** A record. Names are in lower case, without a dot at the end; the root is "". */
export interface DnsRecord {
  readonly owner: string;
  readonly type: RecordType;
  /** Seconds; of SOA, how long an absence holds (RFC 2308 section 5). */
  readonly ttl: number;
  /** The address of A and AAAA in its one spelling, the name of CNAME, the target of SRV; "" of SOA. */
  readonly value: string;
  /** Of SRV (RFC 2782), else 0. */
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
}

/** What a name server has answered. */
export interface DnsMessage {
  /** The response code, with the bits that EDNS adds: 0 = fine, 3 = no such name. */
  readonly code: number;
  /** Records are left out; the question must be asked over TCP. */
  readonly isTruncated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** The additional section. */
  readonly extras: readonly DnsRecord[];
  /** How many records were left out because their contents are malformed. */
  readonly malformedCount: number;
}

/** A question. */
export interface DnsQuestion {
  /** In lower case, without a dot at the end; see `isDomainName`. */
  readonly name: string;
  readonly type: RecordType;
}

/** The largest answer that we take over UDP: what passes networks in one piece (DNS Flag Day 2020). */
export const maxUdpBytes = 1_232;

const headerBytes = 12;
const maxNameBytes = 255;
const optCode = 41;
const internetClass = 1;

/**
 * Can `text` be asked for: labels of 1 to 63 letters in lower case, digits, `-` and `_`, at most 253 characters in all,
 * without a dot at the end? That is all that hosts and services are named by.
 */
export function isDomainName(text: string): boolean {
  return text.length <= maxNameBytes - 2 && /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/.test(text);
}

/**
 * Writes a question that asks for recursion.
 * @param id 0 to 65535
 * @param form with `edns` it says how large an answer may be (RFC 6891), which some old servers refuse
 */
export function writeQuestion(id: number, { name, type }: DnsQuestion, form: "edns" | "plain"): Buffer {
  const labels = name.split(".");
  const bytes = Buffer.alloc(headerBytes + name.length + 2 + 4 + (form === "edns" ? 11 : 0));
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(0x0100, 2);
  bytes.writeUInt16BE(1, 4);
  let at = headerBytes;
  for (const label of labels) {
    at = bytes.writeUInt8(label.length, at);
    at += bytes.write(label, at, "latin1");
  }
  at = bytes.writeUInt8(0, at);
  at = bytes.writeUInt16BE(recordCodes[type], at);
  at = bytes.writeUInt16BE(internetClass, at);
  if (form === "edns") {
    bytes.writeUInt16BE(1, 10);
    at = bytes.writeUInt8(0, at);
    at = bytes.writeUInt16BE(optCode, at);
    bytes.writeUInt16BE(maxUdpBytes, at);
  }
  return bytes;
}

/**
 * Is this the answer to the question that was sent with `id`? If not, it is late, forged or garbage, and must be
 * ignored: id, opcode and question must be the same (RFC 5452 section 9.1).
 */
export function isAnswerTo(bytes: Buffer, id: number, { name, type }: DnsQuestion): boolean {
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== id) return false;
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) === 0 || (flags & 0x7800) !== 0) return false;
  // Who does not understand the question may leave it out.
  if (bytes.readUInt16BE(4) === 0) return (flags & 15) === 1;
  const reader = new Reader(bytes);
  return (
    bytes.readUInt16BE(4) === 1 &&
    reader.name() === name &&
    reader.at + 4 <= bytes.length &&
    bytes.readUInt16BE(reader.at) === recordCodes[type] &&
    bytes.readUInt16BE(reader.at + 2) === internetClass
  );
}

/**
 * Reads an answer of which `isAnswerTo` holds. A record whose contents are malformed is left out and counted.
 * @returns null if the message itself is malformed: lengths beyond its end, names without an end
 */
export function readAnswer(bytes: Buffer): DnsMessage | null {
  const flags = bytes.readUInt16BE(2);
  const reader = new Reader(bytes);
  if (bytes.readUInt16BE(4) === 1) {
    if (reader.name() === null) return null;
    reader.at += 4;
  }
  const sections: DnsRecord[][] = [];
  for (const countAt of [6, 8, 10]) {
    const records: DnsRecord[] = [];
    for (let left = bytes.readUInt16BE(countAt); left > 0; left--) if (!reader.record(records)) return null;
    sections.push(records);
  }
  const [answers = [], authorities = [], extras = []] = sections;
  return {
    code: (flags & 15) | (reader.extendedCode << 4),
    isTruncated: (flags & 0x0200) !== 0,
    answers,
    authorities,
    extras,
    malformedCount: reader.malformedCount,
  };
}

/** Goes through a message. */
class Reader {
  readonly #bytes: Buffer;
  at = headerBytes;
  malformedCount = 0;
  extendedCode = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Reads the record at `at` into `records`, if it is of a kind that is read. @returns false if there is none */
  record(records: DnsRecord[]): boolean {
    const bytes = this.#bytes;
    const owner = this.name();
    const fixed = this.at;
    if (owner === null || fixed + 10 > bytes.length) return false;
    const code = bytes.readUInt16BE(fixed);
    const recordClass = bytes.readUInt16BE(fixed + 2);
    const ttl = bytes.readUInt32BE(fixed + 4);
    const start = fixed + 10;
    const end = start + bytes.readUInt16BE(fixed + 8);
    if (end > bytes.length) return false;
    if (code === optCode) this.extendedCode = ttl >>> 24;
    const type = typesByCode.get(code);
    if (type !== undefined && recordClass === internetClass) {
      // RFC 2181 section 8: a time with the highest bit set is zero.
      const record = this.#contents(type, { owner, ttl: ttl > 0x7fff_ffff ? 0 : ttl, start, end });
      if (record === null) this.malformedCount++;
      else records.push(record);
    }
    this.at = end;
    return true;
  }

  #contents(
    type: RecordType,
    { owner, ttl, start, end }: { owner: string; ttl: number; start: number; end: number },
  ): DnsRecord | null {
    const bytes = this.#bytes;
    const plain = { owner, type, ttl, priority: 0, weight: 0, port: 0 };
    const length = end - start;
    switch (type) {
      case "A":
        return length === 4 ? { ...plain, value: bytes.subarray(start, end).join(".") } : null;
      case "AAAA":
        return length === 16 ? { ...plain, value: toIpv6(bytes, start) } : null;
      case "CNAME": {
        const value = this.#nameIn(start, end);
        return value === null ? null : { ...plain, value };
      }
      case "SRV": {
        const value = length < 7 ? null : this.#nameIn(start + 6, end);
        if (value === null) return null;
        const [priority, weight, port] = [0, 2, 4].map((offset) => bytes.readUInt16BE(start + offset));
        return { ...plain, value, priority: priority!, weight: weight!, port: port! };
      }
      case "SOA":
        return length < 22 ? null : { ...plain, value: "", ttl: Math.min(ttl, bytes.readUInt32BE(end - 4)) };
    }
  }

  /** The name that fills the bytes from `start` to `end`; null if it does not. */
  #nameIn(start: number, end: number): string | null {
    this.at = start;
    const name = this.name();
    return this.at === end ? name : null;
  }

  /** Reads the name at `at`, and goes behind it. @returns null if it is malformed */
  name(): string | null {
    const bytes = this.#bytes;
    let text = "";
    let total = 1;
    let at = this.at;
    /** Pointers go back only, behind where they stand and behind each other: they end. */
    let before = at;
    let next = -1;
    for (;;) {
      const length = bytes[at];
      if (length === undefined) return null;
      if (length === 0) break;
      if (length >= 0xc0) {
        const low = bytes[at + 1];
        if (low === undefined) return null;
        if (next === -1) next = at + 2;
        at = ((length & 0x3f) << 8) | low;
        if (at >= before) return null;
        before = at;
      } else {
        total += length + 1;
        if (length > 63 || total > maxNameBytes || at + 1 + length > bytes.length) return null;
        text += (text === "" ? "" : ".") + toLabel(bytes, at + 1, at + 1 + length);
        at += length + 1;
      }
    }
    this.at = next === -1 ? at + 1 : next;
    return text;
  }
}

const typesByCode = new Map(Object.entries(recordCodes).map(([type, code]) => [code as number, type as RecordType]));

/** In lower case; dots within a label and what is not printable become `\` and three digits (RFC 1035 section 5.1). */
function toLabel(bytes: Buffer, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    text +=
      byte > 32 && byte < 127 && byte !== 46 && byte !== 92
        ? String.fromCharCode(byte >= 65 && byte <= 90 ? byte + 32 : byte)
        : `\\${byte.toString().padStart(3, "0")}`;
  }
  return text;
}

function toIpv6(bytes: Buffer, start: number): string {
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(start + 2 * group).toString(16));
  return normalizeIp(groups.join(":"))!;
}
