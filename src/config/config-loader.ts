/**
 * Reads and validates configurations in a thread of their own, which ends with its work: the control thread never loads
 * the libraries for schemas and YAML, does not stand still while a large configuration is validated, and a
 * configuration that is a program runs afresh each time, with a time limit, and leaves nothing behind.
 */
import { extname, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { leaveDeletedFolder, threadArguments } from "../base/thread-start.ts";
import { configFormOf } from "./config-file.ts";
import type { ConfigInput } from "./config-input.ts";
import type { Environment } from "./environment.ts";
import type { LoadMessage, LoadRequest } from "./load-messages.ts";
import { unpackConfig } from "./packed-config.ts";
import { ConfigError, fileProblem } from "./problem.ts";
import type { LooseText } from "./read-config-text.ts";
import type { Config } from "./schema.ts";

/** How files are read. */
export interface LoadOptions {
  /** Where `${NAME}` is looked up; default: the environment of the process. */
  readonly environment?: Environment;
  /**
   * Hears of every file that the configuration is made of, also of one that is refused: its absolute path, and the
   * digest of what was read.
   */
  readonly onFileRead?: (file: string, digest: string) => void;
}

const programLimitMs = 15_000;

/**
 * Reads `file`: YAML, JSON, TypeScript or JavaScript by its extension. A program is run anew each time, together with
 * what it imports.
 * @throws ConfigError with every problem, also if the file cannot be read.
 */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<Config> {
  const isProgram = configFormOf(file) === "module";
  try {
    return await runThread(
      { kind: "file", file, path: resolve(file) },
      { ...options, ...(isProgram && { limitMs: programLimitMs }) },
    );
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    throw isProgram ? new ConfigError([fileProblem(file, error.message, null)]) : (error.cause ?? error);
  }
}

/**
 * Reads YAML or JSON that came from elsewhere than a file.
 * @throws ConfigError with every problem
 */
export function loadConfigText(text: LooseText, options: LoadOptions = {}): Promise<Config> {
  return runThread({ kind: "text", ...text }, options);
}

/**
 * Validates a configuration that was put together from flags.
 * @throws ConfigError with every problem; they carry paths, no lines.
 */
export function validateConfig(value: ConfigInput): Promise<Config> {
  return runThread({ kind: "value", value }, {});
}

/** The thread ended without telling what came of its work: a program can bring that about, and a bug of ours. */
class ThreadFailure extends Error {}

function runThread(request: LoadRequest, options: LoadOptions & { readonly limitMs?: number }): Promise<Config> {
  const { environment, limitMs, onFileRead } = options;
  return new Promise((resolve, reject) => {
    leaveDeletedFolder();
    const worker = new Worker(new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: request,
      ...(environment !== undefined && { env: { ...environment } as NodeJS.ProcessEnv }),
      ...threadArguments,
    });
    const end = (): void => {
      clearTimeout(timer);
      worker.removeAllListeners();
      worker.on("error", () => {}); // What it throws while it is being ended is of no interest.
      void worker.terminate();
    };
    const fail = (message: string, cause?: unknown): void => {
      end();
      reject(new ThreadFailure(message, { cause }));
    };
    const timer =
      limitMs === undefined
        ? undefined
        : setTimeout(() => fail(`the program gave no configuration within ${limitMs / 1_000} s`), limitMs);
    worker.on("message", (message: LoadMessage) => {
      if (message.kind === "read") return onFileRead?.(message.path, message.digest);
      end();
      if (message.kind === "config") resolve(unpackConfig(message.config));
      else reject(new ConfigError(message.problems));
    });
    worker.once("error", (error) =>
      fail(`the program failed: ${error instanceof Error ? error.message : String(error)}`, error),
    );
    worker.once("exit", (code) =>
      fail(
        `the program ended without giving a configuration (exit code ${code}); perhaps it waits for something that never comes`,
      ),
    );
  });
}
