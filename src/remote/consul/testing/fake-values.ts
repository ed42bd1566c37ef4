/** The key/value store of the double of Consul, and the sessions that locks in it belong to. */
import { randomUUID } from "node:crypto";

interface Value {
  readonly value: Buffer;
  readonly flags: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
  readonly lockIndex: number;
  readonly session: string | null;
}

interface Session {
  readonly behavior: string;
  readonly lockDelayMs: number;
  readonly ttlMs: number;
  timer: NodeJS.Timeout | null;
}

/** Consul takes no larger ones. */
export const maxValueBytes = 512 * 1024;

/** Values by key. Every change is told with the index that it gets. */
export class FakeValues {
  readonly #nextIndex: () => number;
  readonly #values = new Map<string, Value>();
  readonly #sessions = new Map<string, Session>();
  /** Until when a key cannot be locked, after its lock was lost. */
  readonly #delayedUntilMs = new Map<string, number>();
  #lastChange = 1;

  constructor(nextIndex: () => number) {
    this.#nextIndex = nextIndex;
  }

  /** As if nothing had ever been written. Sessions stay. */
  clear(): void {
    this.#values.clear();
    this.#delayedUntilMs.clear();
    this.#lastChange = 1;
  }

  /** The keys that a question is about. */
  select(key: string, isRecursive: boolean): [string, Value][] {
    return [...this.#values].filter(([one]) => (isRecursive ? one.startsWith(key) : one === key)).sort();
  }

  /** The index of what is selected; of nothing, that of the last change of anything. */
  indexOf(key: string, isRecursive: boolean): number {
    const found = this.select(key, isRecursive).map(([, { modifyIndex }]) => modifyIndex);
    return found.length === 0 ? this.#lastChange : Math.max(...found);
  }

  toJson([key, { value, flags, createIndex, modifyIndex, lockIndex, session }]: [string, Value]): object {
    return {
      LockIndex: lockIndex,
      Key: key,
      Flags: flags,
      Value: value.length === 0 ? null : value.toString("base64"),
      ...(session !== null && { Session: session }),
      CreateIndex: createIndex,
      ModifyIndex: modifyIndex,
    };
  }

  /** @returns whether it was written; a sentence if it cannot be */
  put(key: string, value: Buffer, query: URLSearchParams): boolean | string {
    const before = this.#values.get(key);
    const [cas, acquire, release] = ["cas", "acquire", "release"].map((name) => query.get(name));
    if (cas !== null && Number(cas) !== (before?.modifyIndex ?? 0)) return false;
    let { session = null, lockIndex = 0 } = before ?? {};
    if (acquire !== null && acquire !== undefined) {
      if (!this.#sessions.has(acquire)) return `invalid session "${acquire}"`;
      if (session !== null && session !== acquire) return false;
      if ((this.#delayedUntilMs.get(key) ?? 0) > Date.now()) return false;
      if (session !== acquire) lockIndex++;
      session = acquire;
    }
    if (release !== null && release !== undefined) {
      if (session !== release) return false;
      session = null;
    }
    const modifyIndex = this.#change();
    const createIndex = before?.createIndex ?? modifyIndex;
    const flags = Number(query.get("flags") ?? before?.flags ?? 0);
    this.#values.set(key, { value, flags, createIndex, modifyIndex, lockIndex, session });
    return true;
  }

  remove(key: string, query: URLSearchParams): boolean {
    const cas = query.get("cas");
    if (cas !== null && Number(cas) !== this.#values.get(key)?.modifyIndex) return false;
    for (const [one] of this.select(key, query.has("recurse"))) this.#values.delete(one);
    this.#change();
    return true;
  }

  /** @returns its id; a sentence if it cannot be */
  createSession(body: Readonly<Record<string, unknown>>): { readonly ID: string } | string {
    const ttlMs = toMs(body["TTL"] ?? "0s");
    if (ttlMs !== 0 && (ttlMs < 10_000 || ttlMs > 86_400_000))
      return "Invalid Session TTL, must be between [10s=24h0m0s]";
    const id = randomUUID();
    const lockDelayMs = toMs(body["LockDelay"] ?? "15s");
    this.#sessions.set(id, { behavior: String(body["Behavior"] ?? "release"), lockDelayMs, ttlMs, timer: null });
    this.renewSession(id);
    this.#change();
    return { ID: id };
  }

  renewSession(id: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    if (session.timer !== null) clearTimeout(session.timer);
    // Consul may take up to twice as long.
    if (session.ttlMs > 0) session.timer = setTimeout(() => this.endSession(id), session.ttlMs).unref();
    return true;
  }

  /** Also what happens to one that is not renewed. */
  endSession(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    if (session.timer !== null) clearTimeout(session.timer);
    this.#sessions.delete(id);
    for (const [key, value] of this.#values) {
      if (value.session !== id) continue;
      this.#delayedUntilMs.set(key, Date.now() + session.lockDelayMs);
      if (session.behavior === "delete") this.#values.delete(key);
      else this.#values.set(key, { ...value, session: null });
    }
    this.#change();
  }

  /** The sessions that there are, oldest first. */
  get sessionIds(): string[] {
    return [...this.#sessions.keys()];
  }

  close(): void {
    for (const { timer } of this.#sessions.values()) if (timer !== null) clearTimeout(timer);
  }

  #change(): number {
    return (this.#lastChange = this.#nextIndex());
  }
}

function toMs(duration: unknown): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(String(duration)) ?? [];
  return Number(count ?? 0) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[(unit ?? "s") as "s"];
}
