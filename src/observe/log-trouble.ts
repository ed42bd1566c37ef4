/** Tells whoever wants to know when the destination of a log fails, and when it works again. */

/** Is told when a destination fails and when it works again. Must not throw. */
export interface LogWriterListener {
  /**
   * Opening or writing failed, or a named pipe has no reader; called at every try. Or the destination has taken nothing
   * for three seconds, or has not been opened for so long (`ETIMEDOUT`); called every three seconds.
   */
  onTrouble(error: NodeJS.ErrnoException): void;
  /** It works again. */
  onMended(): void;
}

/** The trouble of one destination, and who hears of it. */
export class LogTrouble {
  readonly #listeners = new Set<LogWriterListener>();
  #isTroubled = false;

  /** The end of the last trouble has not been told. */
  get isTroubled(): boolean {
    return this.#isTroubled;
  }

  /** Tells `listener` from now on. @returns a function that ends this */
  watch(listener: LogWriterListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  note(error: NodeJS.ErrnoException): void {
    this.#isTroubled = true;
    for (const listener of this.#listeners) listener.onTrouble(error);
  }

  noteMended(): void {
    if (!this.#isTroubled) return;
    this.#isTroubled = false;
    for (const listener of this.#listeners) listener.onMended();
  }
}

/** What is told of a destination that does not answer. */
export function createHangError(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}
