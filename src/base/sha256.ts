/**
 * SHA-256 (FIPS 180-4, section 6.2), for a few kilobytes at the start of a thread: less time than `node:crypto` takes to
 * load. Not for secrets: how long it takes has not been looked at.
 */

/** Of the fractional parts of the cube roots of the first 64 primes, the first 32 bits each. */
const constants = Uint32Array.from(firstPrimes(64), (prime) => fractionBits(Math.cbrt(prime)));
/** The same of the square roots of the first eight. */
const start = Uint32Array.from(firstPrimes(8), (prime) => fractionBits(Math.sqrt(prime)));

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number++)
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  return primes;
}

function fractionBits(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}

const words = new Uint32Array(64);

/** The hash of `bytes`, hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  const padded = new Uint8Array((((bytes.length + 8) >>> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const hash = Uint32Array.from(start);
  for (let block = 0; block < padded.length; block += 64) addBlock(hash, view, block);
  return Array.from(hash, (word) => word.toString(16).padStart(8, "0")).join("");
}

function addBlock(hash: Uint32Array, view: DataView, block: number): void {
  for (let at = 0; at < 16; at++) words[at] = view.getUint32(block + 4 * at);
  for (let at = 16; at < 64; at++) {
    const early = words[at - 15]!;
    const late = words[at - 2]!;
    words[at] =
      words[at - 16]! +
      (turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)) +
      words[at - 7]! +
      (turn(late, 17) ^ turn(late, 19) ^ (late >>> 10));
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
  for (let at = 0; at < 64; at++) {
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + constants[at]! + words[at]!) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  for (const [at, word] of [a, b, c, d, e, f, g, h].entries()) hash[at] = hash[at]! + word;
}

const turn = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));
