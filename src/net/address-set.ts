/**
 * A set of IP addresses given as CIDR blocks (RFC 4632, RFC 4291 section 2.3): `trustedProxies`, `clientIp` matchers.
 * Blocks become sorted, merged ranges when the set is built, so a look-up is a binary search over flat arrays whatever
 * the number of blocks. IPv4 and IPv6 are apart: `::/0` holds no IPv4 address. IPv4-mapped IPv6 is IPv4 on both sides.
 * Callers that ask again and again for one connection remember the answer themselves.
 */
import { isMappedIpv4, parseIpv4, parseIpv6 } from "../base/ip-address.ts";

/** A block: the first and the last address, as one word (IPv4) or four (IPv6), most significant first. */
export interface AddressBlock {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/**
 * Reads `address` or `address/prefix`. Bits beyond the prefix are ignored (`10.1.2.3/8` is `10.0.0.0/8`).
 * @returns null if it is neither.
 */
export function parseCidr(text: string): AddressBlock | null {
  const slash = text.indexOf("/");
  const end = slash === -1 ? text.length : slash;
  const prefixText = slash === -1 ? null : text.slice(slash + 1);
  if (prefixText !== null && !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return null;
  const ipv4 = parseIpv4(text, 0, end);
  if (ipv4 !== -1) {
    const prefix = prefixText === null ? 32 : Number(prefixText);
    return prefix <= 32 ? blockOf([ipv4], prefix) : null;
  }
  const words = new Uint32Array(4);
  if (!parseIpv6(text, words, 0, end)) return null;
  const prefix = prefixText === null ? 128 : Number(prefixText);
  if (prefix > 128) return null;
  return prefix >= 96 && isMappedIpv4(words) ? blockOf([words[3] ?? 0], prefix - 96) : blockOf([...words], prefix);
}

function blockOf(words: readonly number[], prefix: number): AddressBlock {
  const hostMask = (at: number): number => {
    const fixedBits = Math.min(32, Math.max(0, prefix - at * 32));
    return fixedBits === 32 ? 0 : 0xffffffff >>> fixedBits;
  };
  return {
    first: words.map((word, at) => (word & ~hostMask(at)) >>> 0),
    last: words.map((word, at) => (word | hostMask(at)) >>> 0),
  };
}

/** Says whether an IP address lies in one of the blocks that it was made of. Immutable. */
export class AddressSet {
  readonly #ipv4: Ranges;
  readonly #ipv6: Ranges;

  /** @throws RangeError that names the first entry that is no address and no CIDR block. */
  constructor(cidrs: Iterable<string>) {
    const ipv4: AddressBlock[] = [];
    const ipv6: AddressBlock[] = [];
    for (const cidr of cidrs) {
      const block = parseCidr(cidr);
      if (block === null) throw new RangeError(`not an address or CIDR block: ${cidr}`);
      (block.first.length === 1 ? ipv4 : ipv6).push(block);
    }
    this.#ipv4 = new Ranges(ipv4, 1);
    this.#ipv6 = new Ranges(ipv6, 4);
  }

  /** Is `address` (a zone is ignored) in one of the blocks? False for text that is no address. */
  has(address: string): boolean {
    if (!address.includes(":")) {
      const value = parseIpv4(address);
      if (value === -1) return false;
      scratch[0] = value;
      return this.#ipv4.holds(scratch);
    }
    const zone = address.indexOf("%");
    if (!parseIpv6(address, scratch, 0, zone === -1 ? address.length : zone)) return false;
    if (!isMappedIpv4(scratch)) return this.#ipv6.holds(scratch);
    scratch[0] = scratch[3] ?? 0;
    return this.#ipv4.holds(scratch);
  }
}

const scratch = new Uint32Array(4);

/** Sorted ranges that do not overlap, of addresses of `width` words. */
class Ranges {
  readonly #count: number;
  readonly #width: number;
  readonly #first: Uint32Array;
  readonly #last: Uint32Array;

  constructor(blocks: AddressBlock[], width: number) {
    // Two CIDR blocks are nested or apart. So, sorted by first address and size, a block that starts inside the one
    // before lies wholly inside it.
    blocks.sort((a, b) => compareWords(a.first, b.first) || compareWords(b.last, a.last));
    const kept: AddressBlock[] = [];
    for (const block of blocks) {
      const before = kept.at(-1);
      if (before === undefined || compareWords(block.first, before.last) > 0) kept.push(block);
    }
    this.#count = kept.length;
    this.#width = width;
    this.#first = Uint32Array.from(kept.flatMap((block) => block.first));
    this.#last = Uint32Array.from(kept.flatMap((block) => block.last));
  }

  holds(address: Uint32Array): boolean {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.#compare(address, this.#first, middle) < 0) high = middle - 1;
      else if (this.#compare(address, this.#last, middle) > 0) low = middle + 1;
      else return true;
    }
    return false;
  }

  #compare(address: Uint32Array, table: Uint32Array, index: number): number {
    const width = this.#width;
    for (let at = 0; at < width; at++) {
      const difference = (address[at] ?? 0) - (table[index * width + at] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
