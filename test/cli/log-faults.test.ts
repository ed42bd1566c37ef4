/**
 * Every output of a serving process × everything that can be wrong with it: what is served goes on, lines that are lost
 * are counted, and the process ends in good order.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../support/free-port.ts";
import { MetricsPage } from "../support/metrics-page.ts";
import { command } from "../support/millrace-process.ts";
import { eventually } from "../support/signal.ts";

/** A serving process whose outputs are in trouble. */
interface Patient {
  readonly child: ChildProcess;
  /** Brings the trouble about if it does not hold from the start. */
  readonly hurt?: () => void;
}

interface Fault {
  readonly name: string;
  readonly isLost: boolean;
  start(context: TestContext, args: readonly string[], folder: string): Patient;
}

function startWith(context: TestContext, args: readonly string[], stdio: StdioOptions): ChildProcess {
  const child = spawn(command, args, { stdio });
  context.after(() => child.kill("SIGKILL"));
  return child;
}

/** Starts with both outputs on what is opened here. */
function startOn(
  context: TestContext,
  args: readonly string[],
  path: string,
  flags: number | string,
): Patient & { readonly fd: number } {
  const fd = openSync(path, flags);
  return { child: startWith(context, args, ["ignore", fd, fd]), fd };
}

function makePipe(folder: string): string {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  return path;
}

/** Runs a command on a terminal, which is closed at the first signal. */
const terminal = `
import os, pty, signal, subprocess, sys
master, slave = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave)
os.close(slave)
signal.signal(signal.SIGUSR2, lambda *_: os.close(master))
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
sys.exit(child.wait())
`;

const faults: readonly Fault[] = [
  {
    name: "a socket whose reader goes away",
    isLost: true,
    start(context, args) {
      const child = startWith(context, args, ["ignore", "pipe", "pipe"]);
      return {
        child,
        hurt: () => {
          child.stdout!.destroy();
          child.stderr!.destroy();
        },
      };
    },
  },
  {
    name: "a socket that nobody reads",
    isLost: false,
    start: (context, args) => ({ child: startWith(context, args, ["ignore", "pipe", "pipe"]) }),
  },
  {
    name: "a pipe whose reader goes away",
    isLost: true,
    start(context, args, folder) {
      const path = makePipe(folder);
      const reader = spawn("cat", [path], { stdio: "ignore" });
      context.after(() => reader.kill("SIGKILL"));
      const { child, fd } = startOn(context, args, path, "w");
      closeSync(fd);
      return { child, hurt: () => reader.kill("SIGKILL") };
    },
  },
  {
    name: "a pipe that nobody reads",
    isLost: false,
    start(context, args, folder) {
      const { child, fd } = startOn(context, args, makePipe(folder), constants.O_RDWR);
      context.after(() => closeSync(fd));
      return { child };
    },
  },
  {
    name: "a non-blocking pipe that nobody reads",
    isLost: false,
    start(context, args, folder) {
      const { child, fd } = startOn(context, args, makePipe(folder), constants.O_RDWR | constants.O_NONBLOCK);
      context.after(() => closeSync(fd));
      return { child };
    },
  },
  {
    name: "a full disk",
    isLost: true,
    start(context, args) {
      const { child, fd } = startOn(context, args, "/dev/full", "w");
      closeSync(fd);
      return { child };
    },
  },
  {
    name: "a terminal that is closed",
    isLost: true,
    start(context, args) {
      const child = spawn("python3", ["-c", terminal, command, ...args], { stdio: "ignore" });
      context.after(() => child.kill("SIGKILL"));
      return { child, hurt: () => child.kill("SIGUSR2") };
    },
  },
  {
    name: "closed descriptors",
    isLost: false,
    start(context, args) {
      const child = spawn("sh", ["-c", 'exec "$0" "$@" >&- 2>&-', command, ...args], { stdio: "ignore" });
      context.after(() => child.kill("SIGKILL"));
      return { child };
    },
  },
];

for (const workers of [0, 2]) {
  for (const { name, isLost, start } of faults) {
    test(`with ${name} as its outputs the process serves, counts what it loses and ends in good order, with ${workers} threads`, {
      skip: !existsSync("/dev/full"),
    }, async (context) => {
      const folder = mkdtempSync(join(tmpdir(), "millrace-faults-"));
      context.after(() => rmSync(folder, { recursive: true, force: true }));
      const [port, adminPort] = [await freePort(), await freePort()];
      const config = join(folder, "millrace.yaml");
      writeFileSync(
        config,
        `workers: ${workers}
listeners: [{ address: "127.0.0.1:${port}" }]
admin: { address: "127.0.0.1:${adminPort}" }
routes: [{ respond: { body: "${"x".repeat(100)}" } }]
log: { stats: 100ms, access: {} }
`,
      );
      const { child, hurt } = start(context, ["run", "--no-watch", config], folder);
      const isServing = (): Promise<boolean> =>
        fetch(`http://127.0.0.1:${port}/`).then(
          (answer) => answer.ok,
          () => false,
        );
      await eventually(isServing, "it serves");
      hurt?.();
      // More than a pipe or a socket holds.
      const target = `/${"y".repeat(2_000)}`;
      for (let round = 0; round < 20; round++) {
        const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`http://127.0.0.1:${port}${target}`)));
        for (const answer of answers) {
          assert.equal(answer.status, 200);
          await answer.text();
        }
      }
      const admin = `http://127.0.0.1:${adminPort}`;
      if (isLost) {
        await eventually(async () => {
          const lost = (await MetricsPage.of(admin)).by("millrace_log_lines_lost_total", "log");
          return (await isServing()) && lost["access"]! > 0 && lost["application"]! > 0;
        }, "lines of both logs are lost and counted");
      }
      assert.equal((await fetch(`${admin}/livez`)).status, 200);
      assert.equal(child.exitCode, null);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const [code, signal] = (await ended) as [number | null, string | null];
      assert.deepEqual([code, signal], [0, null]);
    });
  }
}

test("commands whose reader goes away, or whose output is full, end without a stack trace", {
  skip: !existsSync("/dev/full"),
}, () => {
  const run = (script: string): { code: number; output: string } => {
    try {
      return {
        code: 0,
        output: execFileSync("bash", ["-c", script, command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
      };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return { code: status, output: stderr };
    }
  };
  for (const [script, code] of [
    ['"$0" schema | head -c 1 > /dev/null; exit ${PIPESTATUS[0]}', 0],
    ['"$0" schema 2>&1 | true; exit ${PIPESTATUS[0]}', 0],
    ['"$0" schema > /dev/full', 1],
    ['"$0" check no-such.yaml 2> /dev/full', 1],
    ['"$0" check no-such.yaml 2>&1 | true; exit ${PIPESTATUS[0]}', 1],
    ['"$0" nonsense 2> /dev/full', 2],
    ['"$0" --help > /dev/full', 1],
    ['"$0" schema >&- 2>&-', 0],
  ] as const) {
    const result = run(script);
    assert.equal(result.code, code, `${script}: ${result.output}`);
    assert.doesNotMatch(result.output, /\n\s+at /, script);
  }
});

test("both outputs and the access log in one file: every line is whole", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-faults-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [kind, access] of [
    ["standard output", "-"],
    ["its own path", join(folder, "out.log")],
    ["the descriptor", "/proc/self/fd/1"],
  ] as const) {
    const out = join(folder, "out.log");
    const port = await freePort();
    const config = join(folder, "millrace.yaml");
    writeFileSync(
      config,
      `workers: 2\nlisteners: [{ address: "127.0.0.1:${port}" }]\nroutes: [{ respond: { body: ok } }]\nlog: { stats: 50ms, access: { path: "${access}" } }\n`,
    );
    const child = spawn("sh", ["-c", 'exec "$0" run --no-watch "$1" > "$2" 2>&1', command, config, out], {
      stdio: "ignore",
    });
    context.after(() => child.kill("SIGKILL"));
    const get = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.ok,
        () => false,
      );
    await eventually(get, "it serves");
    let served = 1;
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(Array.from({ length: 10 }, get));
      served += answers.filter(Boolean).length;
      child.kill("SIGHUP");
    }
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    const lines = readFileSync(out, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { status?: number; message?: string });
    assert.equal(lines.filter((line) => line.status === 200).length, served, kind);
    for (const message of ["ready", "stats", "stopped"])
      assert.ok(
        lines.some((line) => line.message === message),
        `${kind}: ${message}`,
      );
  }
});
