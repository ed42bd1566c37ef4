/**
 * A store that holds a configuration as text, under one key. What is common to all kinds of stores; they know nothing of
 * what the text means.
 */

/** A value of the store. */
export interface StoredText {
  readonly text: string;
  /** What tells this value from one before and after it: a revision, as the store writes it. */
  readonly version: string;
}

/** Hears what becomes of the key. */
export interface ConfigStoreObserver {
  /** The value as it is now; null: there is no such key. The same may be told again. */
  onValue(value: StoredText | null): void;
  /** The store has answered: what was told last is how it is now. */
  onAlive(): void;
  /** The store could not be asked. It is asked again, for ever. The sentence holds no secret. */
  onFailure(reason: string): void;
}

/** What one instance tells of itself beside the key, for those who push. It vanishes from the store with the instance. */
export interface StatusKey {
  /** Keeps `text` there from now on. Tries again by itself if the store is away. */
  write(text: string): void;
  /** Takes it away, if the store answers in time. */
  close(): Promise<void>;
}

/** The key of one store. Methods that ask it throw `RemoteError` if it does not answer. */
export interface ConfigStore {
  /** The store and the key as a URL without secrets: what problems and messages call the configuration. */
  readonly name: string;
  follow(observer: ConfigStoreObserver): { close(): void };
  read(): Promise<StoredText | null>;
  /**
   * Writes if the key is still at `version` (null: not there).
   * @returns whether it was written
   */
  write(text: string, version: string | null): Promise<boolean>;
  /** @param onFailure hears, once until it succeeds again, that the status cannot be written */
  openStatus(instance: string, onFailure: (reason: string) => void): StatusKey;
  /** What the instances that follow the key tell of themselves, by their names. */
  statuses(): Promise<ReadonlyMap<string, string>>;
  close(): void;
}

/** A value larger than this is no configuration; stores take little more. */
export const maxStoredBytes = 1 << 20;
