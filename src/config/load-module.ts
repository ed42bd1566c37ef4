/**
 * Runs a configuration that is a program, in a thread of its own: each time afresh (with all that it imports), with a
 * time limit, and without leaving anything behind.
 */
import { Worker } from "node:worker_threads";
import { extname } from "node:path";
import { leaveDeletedFolder, threadArguments } from "../base/thread-start.ts";
import type { Environment } from "./environment.ts";
import type { Finding } from "./explain-issue.ts";

/** Why a program gave no configuration. `line` and `column` are 0 if they are not known. */
export interface ModuleFailure {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** What came of a program. */
export interface LoadedModule {
  readonly value: unknown;
  /** Where the value is not plain data. */
  readonly findings: readonly Finding[];
  readonly failure: ModuleFailure | null;
  /**
   * The files that it imported (not packages), each with the digest of what was read; also of a program that failed.
   */
  readonly imports: ReadonlyMap<string, string>;
}

/** What the thread of a program tells: each file that it imports, then what came of it. */
export type ModuleMessage =
  | { readonly kind: "import"; readonly file: string; readonly digest: string }
  | { readonly kind: "result"; readonly result: ModuleResult };

/** What came of a program, without what it read. */
export type ModuleResult = Omit<LoadedModule, "imports">;

const timeLimitMs = 15_000;

/**
 * Runs the program `file` (an absolute path) and takes its default export, awaited, and called if it is a function.
 * Never rejects.
 */
export function loadConfigModule(file: string, environment: Environment | undefined): Promise<LoadedModule> {
  const imports = new Map<string, string>();
  const fail = (message: string): LoadedModule => ({
    value: undefined,
    findings: [],
    failure: { message, line: 0, column: 0 },
    imports,
  });
  return new Promise((resolve) => {
    const env = environment === undefined ? {} : { env: { ...environment } as NodeJS.ProcessEnv };
    leaveDeletedFolder();
    const worker = new Worker(new URL(`./module-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: file,
      ...env,
      ...threadArguments,
    });
    const settle = (loaded: LoadedModule): void => {
      clearTimeout(timer);
      resolve(loaded);
      worker.removeAllListeners();
      worker.on("error", () => {}); // What it throws while it is being ended is of no interest.
      void worker.terminate();
    };
    const timer = setTimeout(
      () => settle(fail(`the program gave no configuration within ${timeLimitMs / 1_000} s`)),
      timeLimitMs,
    );
    worker.on("message", (message: ModuleMessage) => {
      if (message.kind === "import") imports.set(message.file, message.digest);
      else settle({ ...message.result, imports });
    });
    worker.once("error", (error) =>
      settle(fail(`the program failed: ${error instanceof Error ? error.message : String(error)}`)),
    );
    worker.once("exit", (code) =>
      settle(
        fail(
          `the program ended without giving a configuration (exit code ${code}); perhaps it waits for something that never comes`,
        ),
      ),
    );
  });
}
