/** One proxy thread as the control thread holds it: requests with answers, and word when it has ended. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { threadArguments } from "../../base/thread-start.ts";
import type { Logger } from "../../observe/logger.ts";
import type { Warning, WarningReport } from "../../observe/repeated-warning.ts";
import type { WantCertificate } from "../plane-certificates.ts";
import {
  type CertificateNotice,
  fromPostedError,
  type RequestMessage,
  type ThreadAnswer,
  type ThreadData,
  type ThreadMessage,
  type ThreadRequest,
  type TroubleNotice,
} from "./messages.ts";

/** Who hears of a thread. */
export interface ThreadListener {
  onMetricPage(page: SharedArrayBuffer): void;
  onWarning(report: WarningReport): void;
  onAccessLog(path: string, lines: Buffer, lineCount: number, lostBefore: number): void;
  /** Resolves when the certificate is there, or will not be. Never rejects. */
  readonly onCertificateWanted: WantCertificate;
  /** The thread has ended, asked to or not. */
  onEnd(error: Error | null): void;
}

const entry = new URL(`./proxy-thread${extname(import.meta.url)}`, import.meta.url);

/**
 * Of a thread, in MiB; a third of it is what V8 fills before it collects. V8 would take 48, of which it gives nothing back
 * after a burst; requests do not live long enough to be kept by more collections.
 */
const youngGenerationMib = 12;

/** Generous: a thread that answers later than this serves nobody either. */
const answerTimeoutMs = 30_000;

/** Starts one proxy thread, asks it and hears of it; it is of no use once the thread has ended. */
export class ThreadHandle {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (answer: ThreadAnswer) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #error: Error | null = null;
  hasEnded = false;

  constructor(parts: Omit<ThreadData, "logInTransit">, logger: Logger, listener: ThreadListener) {
    const data: ThreadData = { ...parts, logInTransit: new SharedArrayBuffer(4) };
    const logInTransit = new Int32Array(data.logInTransit);
    this.#worker = new Worker(entry, {
      workerData: data,
      name: `proxy-${data.stripeIndex}`,
      stdout: true,
      stderr: true,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMib },
      ...threadArguments,
    });
    this.#worker.on("message", (message: ThreadMessage) => {
      switch (message.kind) {
        case "answer":
          this.#take(message.id)?.resolve(message.answer);
          break;
        case "failure":
          this.#take(message.id)?.reject(fromPostedError(message.error));
          break;
        case "metricPage":
          listener.onMetricPage(message.page);
          break;
        case "accessLog": {
          const { buffer, byteOffset, length } = message.lines;
          Atomics.sub(logInTransit, 0, length);
          listener.onAccessLog(
            message.path,
            Buffer.from(buffer, byteOffset, length),
            message.lineCount,
            message.lostBefore,
          );
          break;
        }
        case "wantCertificate":
          void listener
            .onCertificateWanted(message.listenerName, message.name, message.wanted)
            .then(() => this.#post({ wantedId: message.id } satisfies CertificateNotice));
          break;
        case "warning":
          listener.onWarning(message.report);
          break;
        case "log":
          logger[message.level](message.message, { thread: data.stripeIndex, ...message.fields });
      }
    });
    // Nothing of ours writes there; what Node.js says in a thread must not go to an output of the process by itself.
    for (const output of [this.#worker.stdout, this.#worker.stderr]) {
      output
        .setEncoding("utf8")
        .on("data", (text: string) => logger.warn("a proxy thread wrote", { thread: data.stripeIndex, text }));
    }
    this.#worker.on("error", (error: unknown) => {
      this.#error = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on("exit", () => {
      this.hasEnded = true;
      for (const { reject } of this.#pending.values()) reject(this.#error ?? new Error("the proxy thread has ended"));
      this.#pending.clear();
      listener.onEnd(this.#error);
    });
  }

  /**
   * Asks the thread. One that does not answer in time is stuck, and is ended; only a drain takes as long as it takes.
   * @throws what the thread threw, or that it has ended
   */
  async ask(request: ThreadRequest, timeoutMs: number = answerTimeoutMs): Promise<ThreadAnswer> {
    if (this.hasEnded) throw new Error("the proxy thread has ended");
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<ThreadAnswer>();
    this.#pending.set(id, { resolve, reject });
    this.#worker.postMessage({ id, request } satisfies RequestMessage);
    const timer = request.kind === "drain" ? undefined : setTimeout(() => this.#giveUp(), timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells the thread what another saw fail. */
  tell(trouble: Warning): void {
    this.#post({ trouble } satisfies TroubleNotice);
  }

  #post(notice: TroubleNotice | CertificateNotice): void {
    if (!this.hasEnded) this.#worker.postMessage(notice);
  }

  #giveUp(): void {
    this.#error ??= new Error("the proxy thread did not answer in time");
    void this.terminate();
  }

  /** Ends the thread without asking it. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(id: number): { resolve: (answer: ThreadAnswer) => void; reject: (error: Error) => void } | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
