/**
 * The last good list of one source, in a file for the next start. It is a hint with an age, no more: it is used while the
 * source does not answer, and never against what the source says. A file that is torn, foreign or old is as good as none.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../../base/durable-file.ts";
import type { Mutex } from "../../base/mutex.ts";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { sentenceOf } from "../../base/sentence-of.ts";
import { sha256 } from "../../base/sha256.ts";
import type { ListedEndpoint } from "../endpoint-source.ts";
import { maxDiscoveredEndpoints } from "./discovery.ts";
import { readEndpointRecord } from "./endpoint-record.ts";

const formatVersion = 1;
const maxFileBytes = 16 * 1024 * 1024;
/** Addresses are given to others sooner or later: a list that is older is not used. */
const maxAgeMs = 7 * 86_400_000;
/** Changes that come in a row are written once. */
const writeDelayMs = 1_000;
/** How often a list that does not change is written again, so that its age tells when the source last said it. */
const renewMs = 3_600_000;
/** A list that could not be written is tried again after so long, when the source says it again. */
const retryMs = 60_000;
/** The end of a proxy does not wait longer for a disk. */
const closeTimeoutMs = 3_000;

/** A list that was kept, and when the source had said it (Unix time, milliseconds). */
export interface KeptList {
  readonly endpoints: readonly ListedEndpoint[];
  readonly savedWallMs: number;
}

/** Keeps the last good list of a source; what `DiscoveredEndpoints` sees of this file. */
export interface LastGood {
  /** Null if there is none that can be used. Does not reject. */
  read(): Promise<KeptList | null>;
  /** The source says `endpoints` now. Written soon; a list that is the same again is written now and then. */
  note(endpoints: readonly ListedEndpoint[]): void;
  /** Writes what is not written yet, and ends. Does not reject. */
  close(): Promise<void>;
}

/** Whose list it is, and where it is kept. */
export interface LastGoodParts {
  readonly folder: string;
  readonly upstream: string;
  /** What tells the source from others: the list of another is not used. It is stored as a hash. */
  readonly source: string;
  readonly scheduler: Scheduler;
  /**
   * Shared by all files of a proxy: one is read or written at a time. So a disk that hangs takes one of the few threads
   * in which Node.js uses files, and not all of them.
   */
  readonly turn: Mutex;
  /** The file cannot be read or written. @param doing `read` or `written` */
  onTrouble(doing: "read" | "written", reason: string): void;
  /** It has been written again. */
  onRecovery(): void;
}

/** A file in a folder. */
export class LastGoodFile implements LastGood {
  readonly #parts: LastGoodParts;
  readonly #path: string;
  readonly #source: string;
  #unwritten: readonly ListedEndpoint[] | null = null;
  #last: readonly ListedEndpoint[] | null = null;
  /** When a list that is the same again is written. */
  #renewalMs = -Infinity;
  #call: ScheduledCall | null = null;
  #writing: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: LastGoodParts) {
    this.#parts = parts;
    this.#path = join(parts.folder, lastGoodFileName(parts.upstream));
    this.#source = sha256(Buffer.from(parts.source));
  }

  read(): Promise<KeptList | null> {
    return this.#parts.turn.run(() => this.#read());
  }

  async #read(): Promise<KeptList | null> {
    try {
      if ((await stat(this.#path)).size > maxFileBytes) throw new Error("it is too large");
      const kept = parseKeptList(await readFile(this.#path, "utf8"), this.#source);
      const ageMs = kept === null ? 0 : this.#parts.scheduler.clock.wall() - kept.savedWallMs;
      return ageMs > maxAgeMs ? null : kept;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#parts.onTrouble("read", sentenceOf(error));
      return null;
    }
  }

  note(endpoints: readonly ListedEndpoint[]): void {
    if (this.#isClosed) return;
    if (endpoints === this.#last && this.#parts.scheduler.clock.now() < this.#renewalMs) return;
    this.#last = endpoints;
    this.#unwritten = endpoints;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#call?.cancel();
    this.#call = null;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = this.#parts.scheduler.after(closeTimeoutMs, resolve);
    await Promise.race([this.#finish(), promise]);
    patience.cancel();
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  #schedule(): void {
    if (this.#call !== null || this.#writing !== null || this.#isClosed) return;
    this.#call = this.#parts.scheduler.after(writeDelayMs, () => {
      this.#call = null;
      this.#writing = this.#write().then(() => {
        this.#writing = null;
        if (this.#unwritten !== null) this.#schedule();
      });
    });
  }

  async #write(): Promise<void> {
    const endpoints = this.#unwritten;
    if (endpoints === null) return;
    this.#unwritten = null;
    const { clock } = this.#parts.scheduler;
    this.#renewalMs = clock.now() + renewMs;
    const text = formatKeptList({ endpoints, savedWallMs: clock.wall() }, this.#source);
    try {
      await this.#parts.turn.run(() => writeDurably(this.#path, text));
      this.#parts.onRecovery();
    } catch (error) {
      this.#renewalMs = clock.now() + retryMs;
      this.#parts.onTrouble("written", sentenceOf(error));
    }
  }
}

/** The file of an upstream: readable, and another for each name. */
export function lastGoodFileName(upstream: string): string {
  return `${upstream.replace(/[^\w.-]/g, "_").slice(0, 80)}-${sha256(Buffer.from(upstream)).slice(0, 12)}.json`;
}

function formatKeptList({ endpoints, savedWallMs }: KeptList, source: string): string {
  const records = endpoints.map(({ url, weight, zone, backup, identity }) => ({ url, weight, zone, backup, identity }));
  return `${JSON.stringify({
    version: formatVersion,
    source,
    saved: new Date(savedWallMs).toISOString(),
    endpoints: records,
  })}\n`;
}

/** Null if it is the list of another source. @throws Error if it is none */
function parseKeptList(text: string, source: string): KeptList | null {
  const kept = parseJson(text) as Partial<Record<"version" | "source" | "saved" | "endpoints", unknown>> | null;
  const savedWallMs = typeof kept?.saved === "string" ? Date.parse(kept.saved) : Number.NaN;
  if (kept?.version !== formatVersion || Number.isNaN(savedWallMs) || !Array.isArray(kept.endpoints))
    throw new Error("it is no list of endpoints");
  if (kept.source !== source) return null;
  const endpoints = kept.endpoints.slice(0, maxDiscoveredEndpoints).map((record: unknown) => {
    const endpoint = readEndpointRecord(record, { allowsSockets: true });
    if (typeof endpoint === "string") throw new Error(endpoint);
    return endpoint;
  });
  return { endpoints, savedWallMs };
}

/** What the library says of text that is no JSON shows some of it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}
