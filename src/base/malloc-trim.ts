/**
 * Gives back to the system what the C library keeps. `malloc` of glibc has an arena for each thread and holds on to what
 * was freed in it: each of V8's compiler threads leaves some MiB there that it will not need again. `malloc_trim` returns
 * the free pages of all arenas of the process.
 *
 * Node.js reaches it by `node:ffi`, which it calls experimental: without that (before 26.1, `--no-experimental-ffi`,
 * `--permission`) and with another C library everything works as well, but the memory stays. Only whoever owns the process
 * may do this, in one thread.
 */

const lookIntervalMs = 10_000;
/**
 * Resident memory that has changed by less is not worth a look through the arenas: that takes about a millisecond, and
 * who allocates from an arena meanwhile waits. Less is as much a sign as more: a heap that was collected has freed.
 */
const worthBytes = 2 << 20;

/** Decides when the memory of the C library is trimmed. */
export class MallocTrim {
  readonly #readResidentBytes: () => number;
  readonly #trim: () => void;
  #residentBytes = 0;

  /** @param trim gives back what can be given back */
  constructor(readResidentBytes: () => number, trim: () => void) {
    this.#readResidentBytes = readResidentBytes;
    this.#trim = trim;
  }

  /** Trims if resident memory has changed since the last time. */
  look(): void {
    if (Math.abs(this.#readResidentBytes() - this.#residentBytes) < worthBytes) return;
    this.#trim();
    this.#residentBytes = this.#readResidentBytes();
  }
}

/** Trims the memory of the process from now on. Keeps no thread alive. A start does not wait for the way to it. */
export function startTrimmingMalloc(): void {
  let watch: MallocTrim | null = null;
  const timer = setInterval(() => {
    if (watch === null) {
      const trim = findMallocTrim();
      if (trim === null) return clearInterval(timer);
      watch = new MallocTrim(() => process.memoryUsage.rss(), trim);
    }
    watch.look();
  }, lookIntervalMs);
  timer.unref();
}

/** The part of `node:ffi` that is used. */
interface ForeignFunctions {
  dlopen(
    library: string,
    signatures: Record<string, { readonly arguments: readonly string[]; readonly return: string }>,
  ): { readonly functions: Record<string, (pad: bigint) => number> };
}

/** glibc's `malloc_trim`, or null if there is no way to it. */
export function findMallocTrim(): (() => void) | null {
  // Not for other libraries of that name: on Linux it is glibc alone.
  if (process.platform !== "linux") return null;
  try {
    const { functions } = openForeignFunctions().dlopen("libc.so.6", {
      malloc_trim: { arguments: ["uint64"], return: "int32" },
    });
    const trim = functions["malloc_trim"]!;
    return () => void trim(0n);
  } catch {
    return null;
  }
}

/** Without the warning that it is experimental, which is for those who write programs. @throws if there is none */
function openForeignFunctions(): ForeignFunctions {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:ffi") as unknown as ForeignFunctions;
  } finally {
    process.emitWarning = emitWarning;
  }
}
