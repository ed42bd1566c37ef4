/**
 * Asks the server, and gets an answer or none within a time: never an exception, never a queue for a server that does
 * not answer. What the server says to one command (there is no room, it is a replica) is no outage; silence and a
 * broken connection are.
 */
import type { Scheduler } from "../../base/scheduler.ts";
import { DeadlineQueue, type Wait } from "../../store/deadline-queue.ts";
import { StoreBreaker } from "../../store/store-breaker.ts";
import type { Script } from "./scripts.ts";

/** A command as the server takes it. */
export type Command = readonly (string | Buffer)[];

/** Sends commands to the server; rejects at once if there is no connection. Texts in answers are bytes. */
export interface ByteSender {
  sendBytes(command: Command): Promise<unknown>;
}

/** Why there is no answer. */
export type LineFailure = "timeout" | "error" | "refused" | "skipped";

/** What a line is made of. */
export interface RedisLineParts {
  readonly scheduler: Scheduler;
  readonly timeoutMs: number;
  readonly onFailure: (failure: LineFailure) => void;
  /** The server stopped to answer, for the last time because of `cause`; null = it began again. */
  readonly onOutage: (cause: string | null) => void;
  /** It was asked again after an outage, and was silent again. */
  readonly onSilence: () => void;
}

/** How long what nobody waits for may take, and the next piece of a body that is being read. */
const patientMs = 2_000;

/** A script with its keys and the rest of its arguments. */
export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: Command;
}

/** What is asked, and how. */
export interface Question {
  readonly sender: ByteSender;
  readonly call: Command | ScriptCall;
  /** An exchange waits for it: it has the short time of the store, else the patient one. */
  readonly isUrgent: boolean;
  /** Called exactly once; null = there is no answer. */
  readonly done: (answer: unknown) => void;
}

/** One thread's questions to one server. */
export class RedisLine {
  readonly #parts: RedisLineParts;
  readonly #urgent: DeadlineQueue;
  readonly #patient: DeadlineQueue;
  readonly #breaker: StoreBreaker;
  #lastFailure = "";
  #isClosed = false;
  #pending = 0;

  constructor(parts: RedisLineParts) {
    const { scheduler, timeoutMs } = parts;
    this.#parts = parts;
    this.#urgent = new DeadlineQueue({ scheduler, timeoutMs });
    this.#patient = new DeadlineQueue({ scheduler, timeoutMs: Math.max(timeoutMs, patientMs) });
    this.#breaker = new StoreBreaker(scheduler.clock, (isOut) => parts.onOutage(isOut ? this.#lastFailure : null));
  }

  /** It is not asked at the moment, since it has not answered. */
  get isOut(): boolean {
    return this.#breaker.isOpen;
  }

  /** What went wrong last, in words. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  /** How many questions wait for an answer. For leak checks. */
  get pendingCount(): number {
    return this.#pending;
  }

  ask({ sender, call, isUrgent, done }: Question): void {
    if (this.#isClosed) return;
    const isProbe = this.#breaker.isOpen;
    if (!this.#breaker.enter()) {
      this.#parts.onFailure("skipped");
      done(null);
      return;
    }
    const deadlines = isUrgent ? this.#urgent : this.#patient;
    const end = (answer: unknown, failure: LineFailure | null): void => {
      wait.isOver = true;
      this.#pending--;
      if (this.#isClosed) return;
      if (failure === null || failure === "refused") this.#breaker.succeed();
      else this.#breaker.fail();
      if (failure !== null) this.#parts.onFailure(failure);
      done(answer);
    };
    const wait: Wait = {
      isOver: false,
      onDue: () => {
        this.#lastFailure = `no answer within ${deadlines.timeoutMs} ms`;
        end(null, "timeout");
        if (isProbe && !this.#isClosed) this.#parts.onSilence();
      },
    };
    this.#pending++;
    deadlines.add(wait);
    send(sender, call).then(
      (answer) => {
        if (!wait.isOver) end(answer, null);
      },
      (error: unknown) => {
        if (wait.isOver) return;
        this.#lastFailure = error instanceof Error ? error.message : String(error);
        end(null, isRefusal(this.#lastFailure) ? "refused" : "error");
      },
    );
  }

  /** Nothing is called back any more. */
  close(): void {
    this.#isClosed = true;
    this.#urgent.close();
    this.#patient.close();
  }
}

/** The server answers, and will not do this: it has no room, cannot save, or is a replica. */
function isRefusal(message: string): boolean {
  return /^(OOM|MISCONF|READONLY|NOREPLICAS)\b/.test(message);
}

/** Runs a script by its hash, or sends the whole of it if the server has forgotten it (restart, failover). */
async function send(sender: ByteSender, call: Command | ScriptCall): Promise<unknown> {
  if (!("script" in call)) return sender.sendBytes(call);
  const { script, keys, args } = call;
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await sender.sendBytes(["EVALSHA", script.hash, ...rest]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return sender.sendBytes(["EVAL", script.text, ...rest]);
  }
}
