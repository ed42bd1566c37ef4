/**
 * One long answer of a member that tells the changes of many ranges of keys: etcd takes any number of watches in one
 * stream. The gateway reads them all from the body of the request before it answers, so a stream with one range more is
 * a new stream.
 */
import { type JsonStreamError, JsonValues } from "../json-values.ts";
import { hostOf, RemoteError, type RemoteStream } from "../http-client.ts";
import { type EtcdEntry, EtcdError, etcdCodes } from "./etcd.ts";
import type { EtcdMembers } from "./etcd-members.ts";
import { asList, asObject, type KeyRange, readEntry, readError, readInteger } from "./gateway-values.ts";

/** etcd says every ten minutes that there was nothing: if it does not, the stream is dead. */
const idleMs = 12 * 60_000;
/** All watches must be there by then. */
const openingMs = 3_000;
/** A message with the changes of many transactions may be large. */
const maxMessageBytes = 32 * 1024 * 1024;
/** Of an answer that is no stream. */
const maxRefusalBytes = 4_096;

/** What is watched. */
export interface Watch {
  /** From 1 on. */
  readonly id: number;
  readonly range: KeyRange;
  /** The first revision that is told. */
  readonly startRevision: number;
}

/** A change of a key. */
export interface EtcdEvent {
  readonly isDelete: boolean;
  /** What it is now; of a key that is gone, `key` and `modRevision`. */
  readonly entry: EtcdEntry;
}

/** Where the cluster stands. */
export interface WatchHeader {
  readonly revision: number;
  readonly cluster: string;
}

/** Who takes what a stream tells. `onEnd` is called once, and nothing after it or after `close`. */
export interface WatchSink {
  onCreated(id: number, header: WatchHeader): void;
  /** Everything up to `header.revision` has been told. */
  onProgress(id: number, header: WatchHeader): void;
  /** Changes in order; what one transaction has changed comes together. */
  onEvents(id: number, events: readonly EtcdEvent[]): void;
  /** This watch is over. @param isCompacted the revision that it began with is not kept any more */
  onCancel(id: number, isCompacted: boolean, refusal: EtcdError): void;
  onEnd(error: RemoteError): void;
}

/** What a stream is made of. */
export interface WatchStreamParts {
  readonly members: EtcdMembers;
  readonly watches: readonly Watch[];
  readonly sink: WatchSink;
  after(delayMs: number, run: () => void): { cancel(): void };
}

/** A stream that is under way, at one member. */
export class WatchStream {
  readonly url: string;
  readonly #parts: WatchStreamParts;
  readonly #values = new JsonValues(maxMessageBytes);
  readonly #opening: { cancel(): void };
  #stream: RemoteStream | null = null;
  #token = "";
  #status = 0;
  #missing: number;
  #refusal: Buffer[] = [];
  #isOver = false;

  constructor(parts: WatchStreamParts) {
    this.#parts = parts;
    this.url = parts.members.current;
    this.#missing = parts.watches.length;
    this.#opening = parts.after(openingMs, () =>
      this.#fail(new RemoteError("timeout", `${this.#host}: a watch did not begin in time`)),
    );
    void this.#open();
  }

  get #host(): string {
    return hostOf(this.url);
  }

  /** Gives it up. */
  close(): void {
    this.#isOver = true;
    this.#opening.cancel();
    this.#stream?.close();
  }

  async #open(): Promise<void> {
    const body = this.#parts.watches
      .map(({ id, range: { key, range_end }, startRevision }) =>
        JSON.stringify({
          create_request: {
            key,
            ...(range_end !== null && { range_end }),
            start_revision: String(startRevision),
            progress_notify: true,
            watch_id: String(id),
          },
        }),
      )
      .join("\n");
    try {
      const { stream, token } = await this.#parts.members.openStream(this.url, {
        path: "watch",
        body,
        idleMs,
        sink: {
          onHead: (status) => {
            this.#status = status;
          },
          onData: (chunk) => this.#take(chunk),
          onEnd: (error) => this.#end(error),
        },
      });
      this.#stream = stream;
      this.#token = token;
      if (this.#isOver) stream.close();
    } catch (error) {
      this.#fail(error instanceof RemoteError ? error : new RemoteError("network", String(error)));
    }
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#status !== 200) {
      if (this.#refusal.length < maxRefusalBytes / 64) this.#refusal.push(chunk.subarray(0, maxRefusalBytes));
      return;
    }
    let messages: unknown[];
    try {
      messages = this.#values.push(chunk);
    } catch (error) {
      return this.#fail(new RemoteError("malformed", `${this.#host}: ${(error as JsonStreamError).message}`));
    }
    for (const message of messages) {
      this.#read(message);
      if (this.#isOver) return;
    }
  }

  #read(message: unknown): void {
    const { result, error } = asObject(message);
    if (error !== undefined) return this.#fail(readError(message, 200));
    const fields = asObject(result);
    const id = Number(readInteger(fields["watch_id"]));
    const rawHeader = asObject(fields["header"]);
    const header = {
      revision: Number(readInteger(rawHeader["revision"])),
      cluster: readInteger(rawHeader["cluster_id"]),
    };
    if (fields["created"] === true && --this.#missing === 0) this.#opening.cancel();
    if (fields["canceled"] === true) {
      const reason = typeof fields["cancel_reason"] === "string" ? fields["cancel_reason"].slice(0, 200) : "it ended";
      const refusal = new EtcdError(reason, { code: etcdCodes.unknown, status: 200 });
      this.#parts.members.noteRefusal(refusal, this.#token);
      return this.#parts.sink.onCancel(id, readInteger(fields["compact_revision"]) !== "0", refusal);
    }
    if (fields["created"] === true) return this.#parts.sink.onCreated(id, header);
    const events = asList(fields["events"]).map(readEvent);
    if (events.length > 0) this.#parts.sink.onEvents(id, events);
    else this.#parts.sink.onProgress(id, header);
  }

  #end(error: RemoteError | null): void {
    if (error !== null) return this.#fail(error);
    if (this.#status === 200) return this.#fail(new RemoteError("network", `${this.#host}: the watch ended`));
    let refusal: unknown = null;
    try {
      refusal = JSON.parse(Buffer.concat(this.#refusal).toString("utf8").split("\n", 1)[0] ?? "");
    } catch {
      // The status says enough.
    }
    this.#fail(readError(refusal, this.#status));
  }

  #fail(error: RemoteError): void {
    if (this.#isOver) return;
    this.close();
    this.#parts.members.noteRefusal(error, this.#token);
    this.#parts.sink.onEnd(error);
  }
}

function readEvent(value: unknown): EtcdEvent {
  const { type, kv } = asObject(value);
  return { isDelete: type === "DELETE" || type === 1, entry: readEntry(kv) };
}
