/**
 * A client in no protocol's terms, so that a test of what a proxy does (and not of the bytes) holds for every protocol
 * that clients speak. `http1-speaker.ts` is the one for HTTP/1.1.
 */
import type { NetConnectOpts } from "node:net";
import type { Content, FieldList, Interim, ReceivedAnswer } from "./message.ts";

/** What to ask for. */
export interface Ask {
  /** Default: GET. */
  readonly method?: string;
  /** Path and query; default: `/`. */
  readonly path?: string;
  /** Default: `a`. */
  readonly authority?: string;
  readonly fields?: FieldList;
  /** Default: no content. */
  readonly body?: Content;
  readonly trailers?: FieldList;
  /**
   * The content comes later, by `send` and `finish`, which must be called then: so many bytes, or `unknown`: its end
   * tells. Default: `body` is all.
   */
  readonly length?: number | "unknown";
}

/** A request that was sent, and what comes back. */
export interface ClientExchange {
  /** Sends a piece of the content of a request that was begun with `length`. */
  send(piece: string | Buffer): void;
  /** Ends that content. Trailers need `length: "unknown"`. */
  finish(trailers?: FieldList): void;
  /** Wants the answer no more. HTTP/1.1 can only reset the connection, and all its other exchanges with it. */
  abort(): void;
  /** The content of the answer so far. */
  readonly received: Buffer;
  /** Waits until `count` interim answers have come. */
  interim(count: number): Promise<readonly Interim[]>;
  /** Waits for the head of the final answer, whatever is still to come of its content. @throws if none comes */
  head(): Promise<ReceivedAnswer>;
  /** Waits until so many bytes of content, or this text, have come. @throws if the answer ends before */
  untilReceived(expected: number | string): Promise<void>;
  /** The complete answer. @throws if it breaks off */
  answer(): Promise<ReceivedAnswer>;
  /** Waits until the answer has broken off. @returns what came of it; null if not even its head came */
  brokenAnswer(): Promise<ReceivedAnswer | null>;
  /**
   * Waits until the proxy takes no more of the request either, whether its content has ended or not. HTTP/1.1 can only
   * end the connection for it.
   */
  untilOver(): Promise<void>;
}

/** One connection of a client. */
export interface Speaker {
  readonly localPort: number;
  /** How many requests were begun, and how many were answered completely. */
  readonly begunCount: number;
  readonly answeredCount: number;
  /** Nothing more can be received. */
  readonly isOver: boolean;
  /** Asks and waits for the complete answer. @throws if it breaks off */
  ask(request?: Ask): Promise<ReceivedAnswer>;
  /** Sends a request beside, or behind, those that are not answered yet. */
  begin(request?: Ask): ClientExchange;
  /** Reads nothing more for now. */
  pause(): void;
  resume(): void;
  /** Says that no further request comes, and still reads. HTTP/1.1: a FIN. */
  end(): void;
  /** Breaks the connection off. */
  abort(): void;
  /** Waits until the proxy has ended the connection. */
  untilOver(): Promise<void>;
  /** Ends the connection and waits until the proxy has, too. */
  close(): Promise<void>;
  /** Gives the connection up at once. */
  destroy(): void;
}

/** A protocol that clients speak. */
export interface ClientProtocol {
  /** As the names of tests say it. */
  readonly name: string;
  readonly scheme: "http" | "https";
  /** What every listener of the configuration says beside its own keys, so that this is spoken there. */
  readonly listener: Readonly<Record<string, unknown>>;
  /** Opens one connection. @param target a port on 127.0.0.1, or elsewhere */
  connect(target: number | NetConnectOpts): Promise<Speaker>;
}
