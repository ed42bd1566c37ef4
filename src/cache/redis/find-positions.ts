/**
 * Up to which purge the server had come when a key was last looked up here: what is fetched after a look-up is stored
 * with that number, and a purge that came in between concerns it. Bounded: for a key that was forgotten it is the number
 * from when this thread began, which only means that more purges are looked at.
 */

/** So many look-ups are remembered, the last ones. */
const maxKeys = 10_000;

/** The numbers, as digits. */
export class FindPositions {
  readonly #byKey = new Map<string, string>();
  #first = "0";

  /** @param position as a find of `key` gave it */
  note(key: string, position: string): void {
    if (this.#first === "0") this.#first = position;
    this.#byKey.delete(key);
    this.#byKey.set(key, position);
    if (this.#byKey.size <= maxKeys) return;
    for (const oldest of this.#byKey.keys()) {
      this.#byKey.delete(oldest);
      return;
    }
  }

  /** A find of `key` got no answer: what it gave before must not stand for it, nor anything later. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  of(key: string): string {
    return this.#byKey.get(key) ?? this.#first;
  }
}
