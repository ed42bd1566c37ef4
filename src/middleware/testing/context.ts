/**
 * What a test needs to try one middleware alone: a context, and an exchange whose client side records the calls that it
 * gets.
 */
import { HeldMemory } from "../../base/held-memory.ts";
import { createRegion, SharedMemory } from "../../base/shared-memory.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { type BodySource, emptySource } from "../../http/body.ts";
import { type AnswerLength, Exchange, type Responder } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { silentLogger } from "../../observe/logger.ts";
import { MetricReader } from "../../observe/metric-reader.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";
import { silentWarnings } from "../../observe/repeated-warning.ts";
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
    stores: new Map(),
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

/** The client's side. `isOpen` false = it takes nothing until `onWritable` is called. */
export class RecordingResponder implements Responder {
  readonly told: string[] = [];
  fields = "";
  data = "";
  isOpen = true;

  openTunnel(): BodySource {
    return emptySource;
  }

  sendInterim(status: number): boolean {
    this.told.push(`interim ${status}`);
    return true;
  }

  sendHead(status: number, _phrase: string, fields: string, length: AnswerLength): void {
    this.fields = fields;
    this.told.push(`head ${status} ${length}`);
  }

  sendData(chunk: Buffer): void {
    this.data += chunk.toString("latin1");
  }

  sendEnd(): boolean {
    this.told.push("end");
    return true;
  }

  flush(): boolean {
    return this.isOpen;
  }

  sendSwitch(): void {
    this.told.push("switch");
  }

  fail(code: ReasonCode): void {
    this.told.push(`fail ${code}`);
  }
}

/** An exchange with a recording client. @param facts of its request; default: a GET */
export function createExchange(facts: Partial<RequestHead> = {}): { exchange: Exchange; client: RecordingResponder } {
  const client = new RecordingResponder();
  const request = Object.assign(new RequestHead(), { method: "GET", ...facts });
  return {
    exchange: new Exchange(request, client, {
      listenerName: "test",
      scheme: "http",
      peerAddress: "192.0.2.1",
      peerPort: 1,
    }),
    client,
  };
}
