/**
 * Finds what belongs to a host name: the entry of exactly that name, else that of the wildcard which has a star in place
 * of its first label (RFC 6125 section 6.4.3: a star stands for one label, no more and no less).
 */
export class NameIndex<Value> {
  readonly #exact = new Map<string, Value>();
  readonly #wildcards = new Map<string, Value>();

  /** The first entry of a name holds. @param name in lower case: a name or `*.` before one */
  add(name: string, value: Value): void {
    const map = name.startsWith("*.") ? this.#wildcards : this.#exact;
    const key = name.startsWith("*.") ? name.slice(2) : name;
    if (!map.has(key)) map.set(key, value);
  }

  /** @param name in lower case, without a dot at its end */
  find(name: string): Value | null {
    return this.#exact.get(name) ?? this.#wildcard(name);
  }

  #wildcard(name: string): Value | null {
    const dot = name.indexOf(".");
    return dot < 1 ? null : (this.#wildcards.get(name.slice(dot + 1)) ?? null);
  }
}
