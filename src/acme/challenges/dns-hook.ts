/** Makes TXT records through what the user has: a command, or a function of the configuration. */
import { execFile } from "node:child_process";
import { AcmeError } from "../client/acme-error.ts";

/** A record that is to be there, beside others of the same name, or no longer. */
export interface RecordChange {
  readonly action: "add" | "remove";
  /** `_acme-challenge.` and the name, or what that is an alias of. */
  readonly record: string;
  readonly value: string;
  /** The name that is proven, without `*.`. */
  readonly name: string;
}

/** Makes one change. @throws AcmeError of the type `challenge` */
export type DnsHook = (change: RecordChange) => Promise<void>;

const maxOutputBytes = 64 << 10;

/** @param command the program and its first arguments; no shell reads them */
export function createCommandHook(command: readonly string[], timeoutMs: number): DnsHook {
  const [program = "", ...args] = command;
  return ({ action, record, value, name }) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const environment = {
      MILLRACE_ACTION: action,
      MILLRACE_RECORD: record,
      MILLRACE_VALUE: value,
      MILLRACE_NAME: name,
    };
    const options = {
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: maxOutputBytes,
      env: { ...process.env, ...environment },
    } as const;
    const child = execFile(program, [...args, action, record, value], options, (error, _stdout, stderr) => {
      if (error === null) return resolve();
      const said = stderr.trim().split("\n").at(-1) ?? "";
      const why = error.killed === true ? "took too long" : said || error.message.split("\n", 1)[0];
      reject(failure(`the hook ${program} could not ${action} ${record}: ${why}`, error));
    });
    // Nothing is said to it: one that listens must not wait. It may be gone, or never have been there.
    child.stdin?.on("error", () => {}).end();
    return promise;
  };
}

/** @param call a function of the configuration */
export function createFunctionHook(call: (change: RecordChange) => unknown, timeoutMs: number): DnsHook {
  return async (change) => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("it took too long")), timeoutMs);
    try {
      await Promise.race([(async () => call(change))(), late]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw failure(`the hook could not ${change.action} ${change.record}: ${why}`, error);
    } finally {
      clearTimeout(timer);
    }
  };
}

function failure(detail: string, cause: unknown): AcmeError {
  return new AcmeError({ type: "challenge", detail, cause });
}
