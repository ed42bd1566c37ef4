/**
 * Follows a file that lists endpoints. It is read when it is quiet: notices of the file system and a regular look at
 * its state (single files that are mounted give no notices) only say that there may be something new. A file that cannot
 * be used changes nothing, and is said: it is gone, half-written, too large, not YAML, or without one endpoint.
 */
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { FileWatch } from "../../../base/file-watch.ts";
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { readYamlText, YamlError } from "../../../yaml/read-yaml.ts";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import { readEndpointList } from "../endpoint-list.ts";

/** So long must a file be as it is before it is read. */
const quietMs = 100;
/** A file that is never quiet is read all the same after so many looks. */
const maxUnquietLooks = 10;
/** How often it is looked at without a notice. */
const pollMs = 1_000;
/** Ten thousand long records fit. */
const maxBytes = 8 * 1024 * 1024;

/** A state of the file that two looks can compare. */
interface FileState {
  readonly id: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** What cannot be used; the message is the end of a sentence about the file. */
class FileFault extends Error {}

/** What `FileWatch` is to this. */
export type WatchOnFile = Pick<FileWatch, "refresh" | "close">;
type WatchFile = (path: string, onNotice: () => void) => WatchOnFile;

/** Where nothing can be watched (the system has no watches left), the regular looks go on. */
const watchFile: WatchFile = (path, onNotice) => new FileWatch(path, onNotice, () => {});

/** Follows one file. */
export class FileDiscovery implements Discovery {
  readonly #path: string;
  readonly #context: DiscoveryContext;
  readonly #watch: WatchOnFile;
  #observer: DiscoveryObserver | null = null;
  #nextLook: ScheduledCall | null = null;
  #isLooking = false;
  #mustLookAgain = false;
  #isClosed = false;
  /** As it was at the last look, and as it was when it was read last. */
  #seenId = "";
  #readId = "";
  #unquietLooks = 0;
  /** Why what was read last cannot be used; null if it can. */
  #fault: string | null = null;

  /** @param watch gives notices of the file system; default: `FileWatch` */
  constructor(path: string, context: DiscoveryContext, watch: WatchFile = watchFile) {
    this.#path = resolve(path);
    this.#context = context;
    this.#watch = watch(this.#path, () => this.#onNotice());
  }

  start(observer: DiscoveryObserver): void {
    this.#observer = observer;
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#nextLook?.cancel();
    this.#watch.close();
  }

  #onNotice(): void {
    if (this.#isLooking) this.#mustLookAgain = true;
    else this.#lookAfter(quietMs);
  }

  /** Takes the place of a look that was arranged before. */
  #lookAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#nextLook?.cancel();
    this.#nextLook = this.#context.scheduler.after(delayMs, () => void this.#look());
  }

  /** One look at a time; a notice meanwhile causes another soon. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#mustLookAgain = false;
    let delayMs = pollMs;
    try {
      await this.#watch.refresh();
      delayMs = await this.#compare();
    } catch (error) {
      this.#fail(error);
    }
    this.#isLooking = false;
    this.#lookAfter(this.#mustLookAgain ? quietMs : delayMs);
  }

  /** Reads the file if it has become another and is quiet. @returns after which time to look again */
  async #compare(): Promise<number> {
    const state = await stateOf(this.#path);
    if (state.id === this.#readId) {
      this.#unquietLooks = 0;
      if (this.#isClosed) return pollMs;
      if (this.#fault === null) this.#observer?.onAlive();
      else this.#observer?.onFailure(this.#fault);
      return pollMs;
    }
    const isQuiet = state.id === this.#seenId || isOld(state, this.#context.scheduler.clock.wall());
    this.#seenId = state.id;
    if (!isQuiet && ++this.#unquietLooks < maxUnquietLooks) return quietMs;
    this.#unquietLooks = 0;
    const bytes = await readBytes(this.#path, state);
    if (bytes === null) return quietMs;
    this.#readId = state.id;
    this.#fault = null;
    try {
      await this.#take(bytes, state);
    } catch (error) {
      // It stays as it is until it becomes another.
      this.#fault = this.#fail(error);
    }
    return pollMs;
  }

  async #take(bytes: Uint8Array, { modifiedMs }: FileState): Promise<void> {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // A file without a word in it is hardly what somebody has written; `[]` is.
    const isBlank = !/^[ \t]*[^\s#]/m.test(text);
    const list = isBlank ? { endpoints: [], refused: [] } : readEndpointList(await readYamlText(text), fileRules);
    if (typeof list === "string") throw new FileFault(list);
    if (this.#isClosed) return;
    this.#observer?.onSnapshot({
      endpoints: list.endpoints,
      refused: list.refused,
      version: new Date(modifiedMs).toISOString(),
      isCertain: !isBlank && list.refused.length === 0,
    });
  }

  #fail(error: unknown): string {
    const sentence = `${this.#path}: ${describeFault(error)}`;
    if (!this.#isClosed) this.#observer?.onFailure(sentence);
    return sentence;
  }
}

/** Whoever writes files of this machine may name its sockets. */
const fileRules = { allowsSockets: true };

async function stateOf(path: string): Promise<FileState> {
  const found = await stat(path, { bigint: true });
  if (!found.isFile()) throw new FileFault("this is no file");
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  return {
    id: [dev, ino, size, mtimeNs, ctimeNs].join(),
    bytes: Number(size),
    modifiedMs: Number(mtimeNs / 1_000_000n),
  };
}

function isOld({ modifiedMs }: FileState, wallMs: number): boolean {
  return wallMs - modifiedMs >= quietMs;
}

/** @returns null if the file became another meanwhile */
async function readBytes(path: string, state: FileState): Promise<Uint8Array | null> {
  if (state.bytes > maxBytes) throw new FileFault(`it is larger than ${maxBytes} bytes`);
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(state.bytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length, length));
    if (length !== state.bytes || (await stateOf(path)).id !== state.id) return null;
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

function describeFault(error: unknown): string {
  if (error instanceof FileFault) return error.message;
  if (error instanceof YamlError) return `it cannot be read: ${error.message}`;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "it is not UTF-8 text";
  return `it cannot be read: ${code ?? message}`;
}
