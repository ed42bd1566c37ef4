/**
 * Where keys, certificates and what is going on are kept: by one instance, or by several that ask a CA once. Values are
 * small texts that are written whole; who has read one has read all of it.
 */

/** A place for values. Several instances may use it at the same time. */
export interface AcmeStore {
  /** null if there is none. @throws if the place cannot be asked */
  read(key: string): Promise<string | null>;
  /** Afterwards it survives a crash. */
  write(key: string, value: string): Promise<void>;
  /** Harmless if there is none. */
  remove(key: string): Promise<void>;
  /**
   * Takes a lock if nobody has it: one try. While it is held it is kept alive; if its holder dies, it is free again
   * after `lockLifeMs`. Whoever gets it must read again what the previous holder may have written.
   * @returns null if somebody else has it
   */
  lock(name: string): Promise<StoreLock | null>;
  close(): void;
}

/** A lock that is held. */
export interface StoreLock {
  /** Somebody else may have it: it could not be kept alive in time. */
  readonly isLost: boolean;
  /** Gives it back; harmless if it is lost. */
  release(): Promise<void>;
}

/** So long does a lock live without a sign of life from its holder. */
export const lockLifeMs = 30_000;
/** So often does a holder give one. */
export const lockBeatMs = 8_000;

/** What keys are made of: they are paths of files, too. @throws if `key` is none: a bug of ours */
export function assertStoreKey(key: string): void {
  if (!/^[a-z0-9_][a-z0-9._-]*(?:\/[a-z0-9_][a-z0-9._-]*)*$/i.test(key))
    throw new Error(`not a key of a store: ${key}`);
}
