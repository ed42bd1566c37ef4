/**
 * What a test needs to try one middleware alone: a context, and an exchange whose client side records the calls that it
 * gets.
 */
import { HeldMemory } from "../../base/held-memory.ts";
import { createRegion, SharedMemory } from "../../base/shared-memory.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { AnswerHead } from "../../http/answer.ts";
import { type BodySink, type BodySource, emptySource } from "../../http/body.ts";
import { type ClientSide, Exchange } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { silentLogger } from "../../observe/logger.ts";
import { MetricReader } from "../../observe/metric-reader.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";
import { silentWarnings } from "../../observe/repeated-warning.ts";
import { FunctionTable } from "../../script/function-table.ts";
import type { MiddlewareContext } from "../middleware.ts";

/** A context, and what was counted in it. */
export function createContext(): {
  context: MiddlewareContext;
  countOf: (family: string) => number;
  lag: { lagMs: number };
} {
  const reader = new MetricReader();
  const lag = { lagMs: 0 };
  const context: MiddlewareContext = {
    routeName: "test",
    ordinal: 0,
    wheel: new TimerWheel(),
    memory: new SharedMemory(),
    held: new HeldMemory(createRegion(HeldMemory.byteLength(1)), 0),
    stripeIndex: 0,
    stripes: 1,
    logger: silentLogger,
    warnings: silentWarnings,
    functions: FunctionTable.empty,
    stores: new Map(),
    caches: new Map(),
    cacheParts: null,
    lag,
    metrics: new MetricWriter({ onPage: (page) => reader.addPage("test", page) }),
    onInternalError: (error) => {
      throw error;
    },
  };
  const countOf = (name: string): number =>
    reader
      .read()
      .filter(({ family }) => family.name === name)
      .flatMap(({ series }) => series)
      .reduce((sum, { values }) => sum + (values[0] ?? 0), 0);
  return { context, countOf, lag };
}

/** The client's side. `isOpen` false = it takes nothing until `resume` is called. */
export class RecordingClient implements ClientSide, BodySink {
  readonly told: string[] = [];
  fields = "";
  content = "";
  isOpen = true;
  exchange: Exchange | null = null;
  #source: BodySource = emptySource;

  openTunnel(): BodySource {
    return emptySource;
  }

  interim({ status }: AnswerHead): boolean {
    this.told.push(`interim ${status}`);
    return true;
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    this.exchange!.isHeadSent = true;
    this.exchange!.answerer = null;
    this.fields = head.fields.text;
    this.#source = source;
    this.told.push(`head ${head.status} ${head.body}`);
    return this;
  }

  data(chunk: Buffer): void {
    this.content += chunk.toString("latin1");
  }

  end(): boolean {
    this.told.push("end");
    this.exchange!.isEnded = true;
    return true;
  }

  flush(): boolean {
    return this.isOpen;
  }

  abort(code: ReasonCode): void {
    this.told.push(`abort ${code}`);
    this.exchange!.isEnded = true;
  }

  onInternalError(error: unknown): void {
    this.told.push(`bug: ${String(error)}`);
  }

  /** The client takes again what it is sent. */
  resume(): void {
    this.isOpen = true;
    this.#source.resume();
  }

  /** The client has gone. */
  leave(): void {
    this.exchange!.isEnded = true;
    this.#source.stop("CLIENT_GONE");
    this.exchange!.cancel("CLIENT_GONE");
  }
}

/** An exchange with a recording client. @param facts of its request; default: a GET */
export function createExchange(facts: Partial<RequestHead> = {}): { exchange: Exchange; client: RecordingClient } {
  const client = new RecordingClient();
  const request = Object.assign(new RequestHead(), { method: "GET", ...facts });
  const exchange = new Exchange(request, client, {
    listenerName: "test",
    scheme: "http",
    peerAddress: "192.0.2.1",
    peerPort: 1,
  });
  client.exchange = exchange;
  return { exchange, client };
}
