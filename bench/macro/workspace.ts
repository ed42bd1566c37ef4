/**
 * Owns everything a benchmark leaves behind if nobody cleans up: child processes and the temporary folder.
 * Both are gone when the program ends, however it ends: normally, by an exception, by Ctrl-C or by SIGTERM.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";

export interface StartOptions {
  /** Cores the process may run on; absent: all. */
  cores?: readonly number[];
  env?: Record<string, string>;
  cwd?: string;
  /** How many files and sockets it may have open; absent: as many as this process. */
  descriptors?: number;
  /** Where its output goes; default: a file. A pipe is for the caller to read, or not. */
  output?: "file" | "pipe";
}

/** A started program. */
export interface RunningProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it wrote to stdout and stderr so far. */
  output(): string;
  /** The reading end of its output, if that is a pipe; else null. */
  readonly reader: Socket | null;
  /** SIGTERM, then SIGKILL to its whole process group after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
}

const live = new Set<ChildProcess>();
let root: string | null = null;
let counter = 0;

/** A new empty folder inside the run's temporary folder. */
export function makeFolder(name: string): string {
  root ??= mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const folder = join(root, `${name}-${++counter}`);
  mkdirSync(folder);
  return folder;
}

/** `command` with the prefix that pins it and that ends it when this process dies without cleaning up. */
export function pinned(command: readonly string[], cores: readonly number[] | undefined): string[] {
  const prefix: string[] = [];
  const setpriv = findCommand("setpriv");
  if (setpriv !== null) prefix.push(setpriv, "--pdeathsig", "TERM", "--");
  const taskset = findCommand("taskset");
  if (cores !== undefined && taskset !== null) prefix.push(taskset, "-c", cores.join(","));
  return [...prefix, ...command];
}

/** Starts a program in its own process group; its output goes to a file, so that a full pipe never slows it. */
export function startProcess(command: readonly string[], options: StartOptions = {}): RunningProcess {
  const logFile = join(makeFolder("log"), "output.log");
  const reader = options.output === "pipe" ? openPipe(`${logFile}.fifo`) : null;
  const log = openSync(reader === null ? logFile : `${logFile}.fifo`, "a");
  const limit = options.descriptors === undefined ? [] : ["prlimit", `--nofile=${options.descriptors}`, "--"];
  const [file, ...args] = pinned([...limit, ...command], options.cores) as [string, ...string[]];
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`cannot start ${command[0]}`);
  live.add(child);
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => {
      live.delete(child);
      resolve();
    });
  });
  return {
    pid: child.pid,
    child,
    output: () => (reader === null ? readFileSync(logFile, "utf8") : ""),
    reader,
    async stop(graceMs = 2000) {
      if (!live.has(child)) return;
      signalGroup(child, "SIGTERM");
      const timer = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
      await gone;
      clearTimeout(timer);
      signalGroup(child, "SIGKILL");
    },
  };
}

/**
 * A pipe as a shell makes it (what Node makes for its children is a socket, which no program can open by name).
 * @returns its reading end
 */
function openPipe(path: string): Socket {
  execFileSync("mkfifo", [path]);
  return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
}

/** Runs a program to its end. Resolves with its stdout; rejects, with what it said, when it fails. */
export function runCommand(command: readonly string[], options: StartOptions = {}): Promise<string> {
  const [file, ...args] = pinned(command, options.cores) as [string, ...string[]];
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  live.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      live.delete(child);
      if (code === 0) resolve(stdout);
      else reject(new Error(`${command.slice(0, 3).join(" ")} failed (${code}):\n${stderr}${stdout}`));
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

function cleanUp(): void {
  for (const child of live) signalGroup(child, "SIGKILL");
  live.clear();
  if (root !== null) rmSync(root, { recursive: true, force: true });
  root = null;
}

/** Installs the clean-up for this process; call once, at the start of a program. */
export function cleanUpAtExit(): void {
  process.once("exit", cleanUp);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
  }
}
