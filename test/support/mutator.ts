/** Seeded randomness, and mutations of messages with it: the way to inputs that nobody thought of. */

/** Pseudo-random numbers from a seed (mulberry32). */
export class Randomness {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** @throws if `items` is empty */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}

/** Pieces that parsers disagree about. */
const pieces = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\0",
  "\x0b",
  "\x0c",
  " ",
  "\t",
  ":",
  ",",
  ";",
  '"',
  "\x80",
  "\xff",
  "\xa0",
  "_",
  "-",
  "+",
  "0",
  "0x",
  "5",
  "f",
  "00",
  "\r\n ",
  "\r\n\t",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Host: b\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: Host, Content-Length\r\n",
  "Upgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
  "Trailer: X\r\n",
  "TE: trailers\r\n",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  "1;x=y\r\n",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET ",
  "HEAD ",
  "POST ",
  "%00",
  "%2e%2e/",
  "../",
  "//",
  "#",
  "?",
  "*",
  "http://b/",
  "chunked",
  "identity",
  "18446744073709551616",
];

/** `text` with one to four random changes. `others` are further messages to take parts from. */
export function mutate(text: string, random: Randomness, others: readonly string[]): string {
  let mutated = text;
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    const until = Math.min(mutated.length, at + 1 + random.below(8));
    switch (random.below(8)) {
      case 0:
        mutated = mutated.slice(0, at) + random.pick(pieces) + mutated.slice(at);
        break;
      case 1:
        mutated = mutated.slice(0, at) + mutated.slice(until);
        break;
      case 2:
        mutated = mutated.slice(0, at) + random.pick(pieces) + mutated.slice(until);
        break;
      case 3:
        mutated = mutated.slice(0, at) + String.fromCharCode(random.below(256)) + mutated.slice(at + 1);
        break;
      case 4:
        mutated = mutated.slice(0, at) + mutated.slice(at, until).repeat(2) + mutated.slice(until);
        break;
      case 5: {
        const lines = mutated.split("\r\n");
        lines.splice(random.below(lines.length), 0, random.pick(lines));
        mutated = lines.join("\r\n");
        break;
      }
      case 6: {
        const lines = random.pick(others).split("\r\n");
        mutated = `${mutated.slice(0, mutated.indexOf("\r\n") + 2)}${random.pick(lines)}\r\n${mutated.slice(mutated.indexOf("\r\n") + 2)}`;
        break;
      }
      default:
        mutated += random.pick(others);
    }
  }
  return mutated;
}

/** The seed to use: from the environment variable MILLRACE_FUZZ_SEED, else `usual`. */
export function fuzzSeed(usual: number): number {
  return Number(process.env["MILLRACE_FUZZ_SEED"] ?? usual);
}

/** How long a fuzz test may run, in milliseconds: from MILLRACE_FUZZ_SECONDS, else `usual`. */
export function fuzzTimeMs(usual: number): number {
  const seconds = process.env["MILLRACE_FUZZ_SECONDS"];
  return seconds === undefined ? usual : Number(seconds) * 1_000;
}
