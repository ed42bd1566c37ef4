/**
 * Rate limits in Redis: one atomic script a decision, on the server's clock, so that all instances see the same time.
 * Answers within the timeout whatever happens: a silent server is given up after a few failures and asked again once a
 * second.
 */
import { cryptoLibrary } from "../base/crypto-library.ts";
import type { Scheduler } from "../base/scheduler.ts";
import { DeadlineQueue, type Wait } from "./deadline-queue.ts";
import type { LimitDecision, LimitNumbers, LimitStore } from "./limit-store.ts";
import { StoreBreaker } from "./store-breaker.ts";

/** How a question ended: answered, too late, refused by the server or the connection, or not asked at all. */
export type StoreResult = "ok" | "timeout" | "error" | "skipped";

/** Sends commands to the server; rejects at once if there is no connection. */
export interface CommandSender {
  send(command: readonly string[]): Promise<unknown>;
}

/** What a `RedisLimitStore` is made of. */
export interface RedisLimitStoreParts {
  readonly sender: CommandSender;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
  readonly onResult: (result: StoreResult) => void;
  /** It stopped to answer, for the last time because of `cause`; null = it began again. */
  readonly onOutage: (cause: string | null) => void;
}

/**
 * The generic cell rate algorithm in microseconds. Scripts run one at a time and as a whole. The key lives as long as
 * its bucket is not full again; a clock that is set back, or a limit that has become faster, costs a key one burst at
 * most. KEYS: the bucket. ARGV: the time of one request, the time of the burst. Gives 1 and the spare time, or 0 and
 * the missing time.
 */
export const limitScript = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
if due > now + window + interval then
  due = now + window
  redis.call('SET', KEYS[1], string.format('%.2f', due), 'PX', math.ceil(window / 1000))
end
local next = due + interval
local spare = window - (next - now)
if spare < 0 then return {0, math.ceil(-spare)} end
redis.call('SET', KEYS[1], string.format('%.2f', next), 'PX', math.ceil((next - now) / 1000))
return {1, math.floor(spare)}
`;

let scriptHash: string | null = null;

/** By which Redis knows the script. */
function hashOfScript(): string {
  return (scriptHash ??= cryptoLibrary().createHash("sha1").update(limitScript).digest("hex"));
}

/** Decides rate limits in Redis, within the timeout. */
export class RedisLimitStore implements LimitStore {
  readonly #parts: RedisLimitStoreParts;
  readonly #deadlines: DeadlineQueue;
  readonly #breaker: StoreBreaker;
  #lastFailure = "";

  constructor(parts: RedisLimitStoreParts) {
    this.#parts = parts;
    this.#deadlines = new DeadlineQueue({ scheduler: parts.scheduler, timeoutMs: parts.timeoutMs });
    this.#breaker = new StoreBreaker(parts.scheduler.clock, (isOut) =>
      parts.onOutage(isOut ? this.#lastFailure : null),
    );
  }

  take(key: string, limit: LimitNumbers, done: (decision: LimitDecision | null) => void): void {
    if (!this.#breaker.enter()) {
      this.#parts.onResult("skipped");
      done(null);
      return;
    }
    const end = (result: StoreResult, decision: LimitDecision | null): void => {
      this.#parts.onResult(result);
      if (result === "ok") this.#breaker.succeed();
      else this.#breaker.fail();
      done(decision);
    };
    const wait: Wait = {
      isOver: false,
      onDue: () => {
        this.#lastFailure = `no answer within ${this.#parts.timeoutMs} ms`;
        end("timeout", null);
      },
    };
    const settle = (result: StoreResult, decision: LimitDecision | null): void => {
      if (wait.isOver) return;
      wait.isOver = true;
      end(result, decision);
    };
    this.#deadlines.add(wait);
    this.#decide(key, limit).then(
      (decision) => settle("ok", decision),
      (error: unknown) => {
        this.#lastFailure = error instanceof Error ? error.message : String(error);
        settle("error", null);
      },
    );
  }

  close(): void {
    this.#deadlines.close();
  }

  async #decide(key: string, limit: LimitNumbers): Promise<LimitDecision> {
    const intervalUs = limit.intervalNs / 1_000;
    const rest = ["1", this.#parts.prefix + key, String(intervalUs), String(limit.windowNs / 1_000)];
    return toDecision(await this.#run(rest), intervalUs);
  }

  /** Runs the script by its hash, or sends the whole script if the server has forgotten it (restart, failover). */
  async #run(rest: readonly string[]): Promise<unknown> {
    try {
      return await this.#parts.sender.send(["EVALSHA", hashOfScript(), ...rest]);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return this.#parts.sender.send(["EVAL", limitScript, ...rest]);
    }
  }
}

/** @throws TypeError if the script cannot have given this answer */
function toDecision(reply: unknown, intervalUs: number): LimitDecision {
  const [passed, us] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (typeof passed !== "number" || typeof us !== "number") throw new TypeError("the store's answer is malformed");
  if (passed === 0) return { isAdmitted: false, remaining: 0, waitMs: us / 1_000 };
  return { isAdmitted: true, remaining: Math.floor(us / intervalUs), waitMs: (intervalUs - (us % intervalUs)) / 1_000 };
}
