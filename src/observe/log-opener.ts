/**
 * Opens the path of a log, again if it fails, and anew when it is asked to. One opening at a time; one that hangs (a disk
 * or a file server that does not answer) holds up nothing, and is left alone when the path is to be opened anew: it may
 * lead elsewhere by now.
 */
import { hangMs, isPoolShort, LogCall } from "./log-call.ts";
import { closeDescriptor, type Descriptor } from "./log-destination.ts";
import { createHangError } from "./log-trouble.ts";

const firstRetryMs = 100;
const maxRetryMs = 1_000;

/** Opens a path for appending; null: a named pipe without a reader. See `openForAppending`. */
export type FileOpen = (path: string) => Promise<Descriptor | null>;

/** Who has a path opened. Its methods must not throw. */
export interface LogOpenerHost {
  /** Takes the descriptor, and owns it. */
  onOpened(descriptor: Descriptor): void;
  /** It is tried again. */
  onOpenFailure(error: NodeJS.ErrnoException): void;
  /** An opening is under way for `hangMs`; called again after as long. */
  onOpenHang(error: NodeJS.ErrnoException): void;
}

/** Opens one path, again and again. */
export class LogOpener {
  readonly #path: string;
  readonly #openFile: FileOpen;
  readonly #host: LogOpenerHost;
  /** What is under way. */
  #opening: Opening | null = null;
  /** An opening that hangs was left alone: its descriptor is closed when it comes back. One at a time. */
  #hasLeftOne = false;
  /** `reopen` was called while the path was being opened: the file that this opens may be renamed already. */
  #mustOpenAgain = false;
  /** Openings that failed since one succeeded. */
  #failures = 0;
  #retry: NodeJS.Timeout | null = null;
  #onFirst: ((error: Error | null) => void) | null = null;
  #isClosed = false;

  constructor(path: string, openFile: FileOpen, host: LogOpenerHost) {
    this.#path = path;
    this.#openFile = openFile;
    this.#host = host;
  }

  /** The last opening has failed, or the one that is under way hangs. */
  get isTroubled(): boolean {
    return this.#failures > 0 || this.isHanging;
  }

  /** The opening that is under way hangs. */
  get isHanging(): boolean {
    return this.#opening?.isHanging === true;
  }

  /**
   * Opens the path for the first time. Resolves when it is open, a named pipe has no reader, or it hangs.
   * @param patienceMs what takes longer hangs
   * @throws the system's error if it cannot be opened
   */
  openFirst(patienceMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onFirst = (error) => {
        this.#onFirst = null;
        if (error === null) resolve();
        else reject(error);
      };
      this.#begin(patienceMs);
    });
  }

  /** Opens the path unless that is being done already. */
  open(): void {
    if (this.#opening === null) this.#begin(hangMs);
  }

  /** Opens the path anew: what is being opened may be something else already. */
  reopen(): void {
    if (this.#opening === null || this.#leave()) this.#begin(hangMs);
    else this.#mustOpenAgain = true;
  }

  /** What is opened later is closed. */
  close(): void {
    this.#isClosed = true;
    this.#clearRetry();
    this.#opening?.stopWaiting();
    this.#opening = null;
  }

  /** Leaves an opening alone that hangs. @returns false if it does not, or cannot be left */
  #leave(): boolean {
    if (!this.isHanging || this.#hasLeftOne || isPoolShort()) return false;
    this.#hasLeftOne = true;
    this.#opening?.stopWaiting();
    this.#opening = null;
    return true;
  }

  #begin(patienceMs: number): void {
    if (this.#isClosed) return;
    this.#clearRetry();
    if (isPoolShort()) {
      this.#fail(createHangError("it is not opened: other files of logs hang"));
      return;
    }
    const opening = new Opening(() => {
      this.#onFirst?.(null);
      this.#host.onOpenHang(createHangError(`it has not been opened for ${hangMs / 1000} s`));
    }, patienceMs);
    this.#opening = opening;
    this.#openFile(this.#path).then(
      (descriptor) => this.#end(opening, descriptor, null),
      (error: NodeJS.ErrnoException) => this.#end(opening, null, error),
    );
  }

  #end(opening: Opening, descriptor: Descriptor | null, error: NodeJS.ErrnoException | null): void {
    opening.end();
    if (this.#opening !== opening) {
      this.#hasLeftOne = false;
      closeDescriptor(descriptor);
      return;
    }
    this.#opening = null;
    if (descriptor !== null) {
      this.#failures = 0;
      this.#onFirst?.(null);
      this.#host.onOpened(descriptor);
    } else if (error !== null && this.#onFirst !== null) {
      this.#onFirst(error);
      return;
    } else this.#fail(error ?? Object.assign(new Error("the named pipe has no reader"), { code: "ENXIO" }));
    if (!this.#mustOpenAgain) return;
    this.#mustOpenAgain = false;
    this.open();
  }

  #fail(error: NodeJS.ErrnoException): void {
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures, maxRetryMs);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#onFirst?.(null);
    this.#host.onOpenFailure(error);
    if (!this.#isClosed) this.#retry = setTimeout(this.#onRetry, delayMs).unref();
  }

  readonly #onRetry = (): void => {
    this.#retry = null;
    this.open();
  };

  #clearRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }
}

/** An opening that is under way. */
class Opening {
  isHanging = false;
  readonly #call = new LogCall();
  readonly #onHang: () => void;
  #timer: NodeJS.Timeout;

  /** @param onHang is called when it is not over after `patienceMs`, and then every `hangMs` */
  constructor(onHang: () => void, patienceMs: number) {
    this.#onHang = onHang;
    this.#timer = setTimeout(this.#onTimer, patienceMs).unref();
  }

  /** It is over. */
  end(): void {
    this.#call.end();
    clearTimeout(this.#timer);
  }

  /** Nobody is told any more that it hangs. */
  stopWaiting(): void {
    this.#call.noteHanging();
    clearTimeout(this.#timer);
  }

  readonly #onTimer = (): void => {
    this.isHanging = true;
    this.#call.noteHanging();
    this.#timer = setTimeout(this.#onTimer, hangMs).unref();
    this.#onHang();
  };
}
