/**
 * A steady load of idempotent requests on one proxy: so many a second, whatever becomes of the earlier ones (open
 * loop), so that a stalled proxy does not slow its own examination down. Every request is recorded with its start, its
 * duration and how it ended.
 */
import { Agent, type ClientRequest, request } from "node:http";
import { answerBody } from "./endpoint.ts";

/** One request. Times in milliseconds; `startMs` on the clock of `performance.now`. */
export interface RequestRecord {
  readonly startMs: number;
  readonly durationMs: number;
  /** `ok`, a status such as `503`, `reset`, `refused`, `truncated`, `timeout`. */
  readonly kind: string;
}

const tickMs = 5;
const patienceMs = 10_000;

/** Load that is running. */
export class SteadyLoad {
  readonly records: RequestRecord[] = [];
  readonly #port: number;
  readonly #agent: Agent;
  readonly #timer: NodeJS.Timeout;
  /** When each request under way began. */
  readonly #open = new Map<ClientRequest, number>();
  #sent = 0;

  /**
   * @param ratePerSecond how many requests begin in a second
   * @param maxSockets how many connections they may use
   */
  constructor(port: number, ratePerSecond: number, maxSockets = Infinity) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, scheduling: "lifo", maxSockets });
    const startMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startMs) * ratePerSecond) / 1000);
      while (this.#sent < due) {
        this.#sent++;
        this.#send();
      }
    }, tickMs);
  }

  /** How many requests have waited for their answer for longer than so many milliseconds. */
  waitingLongerThan(ms: number): number {
    const beforeMs = performance.now() - ms;
    return [...this.#open.values()].filter((startMs) => startMs < beforeMs).length;
  }

  /** Ends it; requests under way are given up unrecorded. */
  stop(): void {
    clearInterval(this.#timer);
    for (const call of this.#open.keys()) call.destroy();
    this.#agent.destroy();
  }

  #send(): void {
    const startMs = performance.now();
    let isOver = false;
    const finish = (kind: string): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#open.delete(call);
      this.records.push({ startMs, durationMs: performance.now() - startMs, kind });
    };
    const call = request(
      { host: "127.0.0.1", port: this.#port, path: `/item/${this.#sent}`, agent: this.#agent },
      (response) => {
        let body = "";
        response.setEncoding("latin1");
        response.on("data", (text: string) => {
          body += text;
        });
        response.on("error", () => finish("truncated"));
        response.on("end", () =>
          finish(response.statusCode !== 200 ? String(response.statusCode) : body === answerBody ? "ok" : "truncated"),
        );
      },
    );
    const timer = setTimeout(() => {
      finish("timeout");
      call.destroy();
    }, patienceMs);
    this.#open.set(call, startMs);
    call.on("error", (error: NodeJS.ErrnoException) => finish(error.code === "ECONNREFUSED" ? "refused" : "reset"));
    call.end();
  }
}
