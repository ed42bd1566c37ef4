/**
 * The control thread's part of answers in Redis: it brings the purges of this instance to the server, where they hold
 * for all instances with their next find. What was purged is found out by finds, and freed then or when it expires:
 * nobody goes through a server that others use as well.
 *
 * A purge that does not reach the server is told as one that may come undone, and brought there when it answers again.
 * Until then the process's own log keeps it in force here, since no sweep is through.
 */
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { RedisConnection } from "../../store/redis-connection.ts";
import { systemNames } from "../../store/system-names.ts";
import type { Purge, PurgeKind } from "../purge/purge.ts";
import type { StoreControl, StoreControlHost, StoreFill } from "../store-control.ts";
import type { RedisPlace } from "./open-redis-cache.ts";
import { type RedisKeys, redisKeysOf } from "./redis-keys.ts";
import { type ByteSender, RedisLine } from "./redis-line.ts";
import { scripts } from "./scripts.ts";

/** How long the server may take for a purge. */
const timeoutMs = 2_000;

/** If more than this wait for the server, everything is purged there when it answers. */
const maxUnrecorded = 1_000;

const everything: Purge = { kind: "all", value: "", isSoft: false };

const letters: Readonly<Record<PurgeKind, string>> = { url: "u", prefix: "p", tag: "t", all: "a" };

/** What it is made of. */
export interface RedisControlParts {
  readonly name: string;
  readonly prefix: string;
  readonly sender: ByteSender;
  readonly scheduler: Scheduler;
  /** What is wrong with the connection; null if nothing is known. */
  readonly connectionError: () => string | null;
  /** The server had no room for a purge, so that everything in it is purged. */
  readonly onOverflow: () => void;
  /** It was asked again after a while, and was silent again. */
  readonly onSilence: () => void;
  readonly onClose: () => void;
}

/** One for a process and place. */
export class RedisControl implements StoreControl {
  readonly name: string;
  readonly isUncounted = true;
  readonly #parts: RedisControlParts;
  readonly #keys: RedisKeys;
  readonly #line: RedisLine;
  /** What has not reached the server yet, in the order in which it came. */
  #unrecorded: Purge[] = [];
  /** Who waits for the server. */
  readonly #pending = new Set<(answer: unknown) => void>();

  constructor(parts: RedisControlParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#keys = redisKeysOf(parts.prefix);
    this.#line = new RedisLine({
      scheduler: parts.scheduler,
      timeoutMs,
      onFailure: () => {},
      onOutage: () => {},
      onSilence: parts.onSilence,
    });
  }

  async record(purge: Purge): Promise<void> {
    this.#unrecorded.push(purge);
    if (this.#unrecorded.length > maxUnrecorded) this.#unrecorded = [everything];
    await this.#recordAll();
  }

  /** Counts and frees nothing; it is through when the server knows all purges. */
  async sweep(): Promise<void> {
    await this.#recordAll();
  }

  fill(): StoreFill {
    return { objects: null, bytes: null, maxBytes: null };
  }

  close(): void {
    this.#line.close();
    for (const done of this.#pending) done(null);
    this.#parts.onClose();
  }

  /** @throws Error with the reason if the server does not take them */
  async #recordAll(): Promise<void> {
    for (let purge = this.#unrecorded[0]; purge !== undefined; purge = this.#unrecorded[0]) {
      const answer = await this.#send(purge);
      if (answer === null)
        throw new Error(
          `the server does not take it (${this.#parts.connectionError() ?? this.#line.lastFailure}), so other instances do not know of it; it is brought there when it answers`,
        );
      if (Buffer.isBuffer(answer) && answer.latin1Slice() === "everything") this.#parts.onOverflow();
      this.#unrecorded = this.#unrecorded.filter((one) => one !== purge);
    }
  }

  #send({ kind, value, isSoft }: Purge): Promise<unknown> {
    const { answers, purges, prefixes, pieces } = this.#keys;
    const args = [pieces, isSoft ? "s" : "h", letters[kind], Buffer.from(value, "latin1")];
    const call = { script: scripts.purge, keys: [answers, purges, prefixes], args };
    return new Promise((resolve) => {
      const done = (answer: unknown): void => {
        this.#pending.delete(done);
        resolve(answer);
      };
      this.#pending.add(done);
      this.#line.ask({ sender: this.#parts.sender, call, isUrgent: false, done });
    });
  }
}

/** Opens it; nobody waits for the server. @throws if the package for Redis is missing */
export async function openRedisControl(
  { name, options }: Pick<RedisPlace, "name" | "options">,
  { logger }: Pick<StoreControlHost, "logger">,
): Promise<RedisControl> {
  let connectionError: string | null = null;
  const connection = await RedisConnection.open(options, {
    names: systemNames,
    onError: (error) => {
      connectionError = error?.message ?? null;
    },
  });
  return new RedisControl({
    name,
    prefix: options.prefix,
    sender: connection,
    scheduler: systemScheduler,
    connectionError: () => connectionError,
    onOverflow: () => logger.warn("a store has no room for purges, so everything in it is purged", { store: name }),
    onSilence: () => connection.renew(),
    onClose: () => connection.close(),
  });
}
