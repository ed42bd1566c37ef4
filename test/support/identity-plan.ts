/**
 * What becomes of a numbered request in the storm of `test/integration/identity.test.ts`: how it is sent, how its
 * endpoint answers, and what goes wrong. Client and endpoint derive the same plan from the number, and every body is a
 * stretch of random bytes that belongs to the number alone.
 */

import type { Socket } from "node:net";

/** A seeded source of numbers in [0, 1). */
export type Random = () => number;

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const chance = (random: Random, share: number): boolean => random() < share;
export const below = (random: Random, limit: number): number => Math.floor(random() * limit);
export const oneOf = <Item>(random: Random, items: readonly Item[]): Item => items[below(random, items.length)]!;

const tableBytes = 1_048_576;
const pieceBytes = 65_536;
const table = Buffer.alloc(tableBytes + pieceBytes);
const fillRandom = createRandom(0x51ed);
for (let at = 0; at < tableBytes; at += 4) table.writeUInt32LE((fillRandom() * 4_294_967_296) >>> 0, at);
table.copy(table, tableBytes, 0, pieceBytes);

/** Two bodies belong to a request: the one it brings, and the one of its answer. */
export const BodyKind = { upload: 0, answer: 1 } as const;
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind];

/** Up to 64 KiB of the body of request `id`, from `offset`. A view: not to be changed. */
export function bodyPiece(id: number, kind: BodyKind, offset: number, length: number): Buffer {
  // 4,099 is prime: no two bodies of half a million requests start at the same place.
  const start = ((id * 2 + kind) * 4_099 + offset) % tableBytes;
  return table.subarray(start, start + Math.min(length, pieceBytes));
}

/** Are these the bytes of that body from `offset` on? */
export function isOfBody(bytes: Buffer, id: number, kind: BodyKind, offset: number): boolean {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const expected = bodyPiece(id, kind, offset + at, bytes.length - at);
    if (bytes.compare(expected, 0, expected.length, at, at + expected.length) !== 0) return false;
  }
  return true;
}

/**
 * What goes wrong at the endpoint, the first time a request comes to it; `busy`: it answers 503, perhaps before it has
 * the upload.
 */
export type Fault = "none" | "busy" | "reset-before-answer" | "reset-in-upload" | "reset-in-answer" | "fin-in-answer";

/** What the proxy's route does with a request; its field `x-storm-way` says so. */
export type Way = "plain" | "buffer" | "limit" | "queue" | "hedge" | "slow";

/** The longest upload of the way `limit`. */
export const maxLimitedBytes = 100_000;

export interface Plan {
  readonly id: number;
  readonly method: "GET" | "HEAD" | "DELETE" | "PUT" | "POST";
  /** null = no body. */
  readonly upload: { readonly size: number; readonly isChunked: boolean; readonly isSlow: boolean } | null;
  readonly status: number;
  readonly size: number;
  readonly framing: "length" | "chunked" | "close";
  /** The answer's body is the upload, as it comes. */
  readonly isEcho: boolean;
  /** The answer does not wait for the upload. */
  readonly isEarly: boolean;
  readonly interimCount: number;
  readonly delayMs: number;
  readonly fault: Fault;
  /** Bytes of the body before the fault. */
  readonly faultAt: number;
  /** What the endpoint does with the connection after the answer. */
  readonly after: "keep" | "hint" | "close" | "close-unannounced";
  readonly way: Way;
  /** The endpoint takes the upload by fits and starts. */
  readonly isReluctant: boolean;
  /** For how the endpoint cuts its writes. */
  readonly pieceSeed: number;
}

const thresholds = [1_024, 16_384, 32_768, 65_536, 262_144];

function pickSize(random: Random): number {
  const kind = random();
  if (kind < 0.1) return 0;
  if (kind < 0.35) return below(random, 1_500);
  if (kind < 0.6) return below(random, 40_000);
  if (kind < 0.75) return Math.max(0, oneOf(random, thresholds) + below(random, 400) - 300);
  if (kind < 0.95) return below(random, 400_000);
  return below(random, 2_097_152);
}

/** The plan of request `id` in the storm `seed`. */
export function planOf(seed: number, id: number): Plan {
  const random = createRandom((seed ^ Math.imul(id, 0x9e3779b1)) >>> 0);
  random();
  const method = oneOf(random, [
    "GET",
    "GET",
    "GET",
    "GET",
    "GET",
    "GET",
    "HEAD",
    "DELETE",
    "PUT",
    "PUT",
    "POST",
  ] as const);
  const isUpload = method === "PUT" || method === "POST";
  const upload = isUpload
    ? { size: pickSize(random), isChunked: chance(random, 0.5), isSlow: chance(random, 0.3) }
    : null;
  const isEcho = isUpload && chance(random, 0.4);
  const isEarly = isUpload && !isEcho && chance(random, 0.15);
  const framing = isEcho
    ? "chunked"
    : oneOf(random, isEarly ? (["length", "chunked"] as const) : (["length", "length", "chunked", "close"] as const));
  const size = isEcho ? upload!.size : pickSize(random);
  let fault: Fault = "none";
  if (chance(random, 0.15))
    fault = oneOf(
      random,
      isUpload
        ? (["reset-in-upload", "reset-before-answer"] as const)
        : (["reset-before-answer", "reset-in-answer", "fin-in-answer"] as const),
    );
  else if (chance(random, 0.08)) fault = "busy";
  // If a close says how long the answer is, its fault is its end.
  if (fault.endsWith("in-answer") && (framing === "close" || method === "HEAD" || size === 0)) fault = "none";
  return {
    id,
    method,
    upload,
    size,
    framing,
    isEcho,
    isEarly,
    fault,
    status: oneOf(random, [200, 200, 200, 201, 404, 500]),
    interimCount: chance(random, 0.1) ? 1 + below(random, 3) : 0,
    delayMs: chance(random, 0.2) ? below(random, 20) : 0,
    faultAt: below(random, fault === "reset-in-upload" ? upload!.size + 1 : Math.max(1, size)),
    after: oneOf(random, [
      "keep",
      "keep",
      "keep",
      "keep",
      "keep",
      "keep",
      "hint",
      "close",
      "close-unannounced",
    ] as const),
    way: oneOf(
      random,
      isUpload
        ? (["plain", "plain", "plain", "buffer", "limit", "queue"] as const)
        : (["plain", "plain", "plain", "hedge", "slow", "queue"] as const),
    ),
    isReluctant: chance(random, 0.3),
    pieceSeed: below(random, 2 ** 31),
  };
}

/** Breaks the connection off: with a reset if there is such a thing. */
export function breakOff(socket: Socket): void {
  // Unix sockets have none, and one whose FIN is on its way would never close.
  if (socket.remoteAddress === undefined || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
