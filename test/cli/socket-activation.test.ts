/** Sockets that somebody else opens and passes on, as systemd does. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findCommand } from "../../scripts/install-packages.ts";
import { freePort } from "../support/free-port.ts";
import { command, MillraceProcess } from "../support/millrace-process.ts";
import { eventually } from "../support/signal.ts";

const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** A configuration whose route says what of the environment is left. */
async function configure(t: TestContext, workers: number, addresses: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-activation-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "millrace.json");
  const config = {
    workers,
    listeners: addresses.map((address) => ({ address })),
    routes: [{ respond: { status: 200, body: "served" } }],
    log: { stats: "0s", access: false },
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

interface BoundHandle {
  readonly fd: number;
  bind(address: string, port?: number): number;
  close(): void;
}
type Make = new (kind: number) => BoundHandle;
const binding = (process as unknown as { binding(name: string): Record<string, Make> }).binding.bind(process);

/** The descriptor of a socket that is bound, and that nobody accepts from here: who takes it over listens. */
function opened(t: TestContext, target: number | string): number {
  const isPort = typeof target === "number";
  const serverKind = 1;
  const handle = isPort
    ? new (binding("tcp_wrap")["TCP"]!)(serverKind)
    : new (binding("pipe_wrap")["Pipe"]!)(serverKind);
  assert.equal(isPort ? handle.bind("127.0.0.1", target) : handle.bind(target), 0);
  t.after(() => handle.close());
  return handle.fd;
}

/** Starts the command with `fds` as 3, 4, … and the variables of systemd. */
function start(file: string, fds: readonly number[], names: string): MillraceProcess {
  return new MillraceProcess(
    [
      "-c",
      `LISTEN_PID=$$ LISTEN_FDS=${fds.length} LISTEN_FDNAMES=${names} exec "$0" "$@"`,
      command,
      "run",
      "--no-watch",
      file,
    ],
    { executable: "/bin/sh", passedOn: fds },
  );
}

async function ask(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  await once(socket, "close");
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

for (const workers of [0, 2])
  test(`sockets are found by name and by number, and a reload keeps them, workers: ${workers}`, async (t) => {
    const port = await freePort();
    const file = await configure(t, workers, ["fd:web", "fd:4"]);
    const path = join(file, "../l.sock");
    const proxy = start(file, [opened(t, port), opened(t, path)], "web:local");
    t.after(() => proxy.stop());
    await proxy.ready();
    for (let round = 0; round < 3; round++) {
      for (const target of [{ port, host: "127.0.0.1" }, { path }]) {
        const socket = connect(target);
        socket.write(request);
        assert.equal(await ask(socket), "served");
      }
      const before = proxy.log.length;
      proxy.signal("SIGHUP");
      await proxy.logged(/reload/, before);
    }
  });

test("connections wait in the socket while one process replaces another", async (t) => {
  const port = await freePort();
  const file = await configure(t, 0, ["fd:web"]);
  const fd = opened(t, port);
  const first = start(file, [fd], "web");
  t.after(() => first.stop());
  await first.ready();
  first.signal("SIGTERM");
  assert.equal((await first.ended).code, 0);
  const waiting = connect(port, "127.0.0.1");
  waiting.write(request);
  const second = start(file, [fd], "web");
  t.after(() => second.stop());
  assert.equal(await ask(waiting), "served");
});

test("a name that was not passed on is told with those that were", async (t) => {
  const file = await configure(t, 2, ["fd:www"]);
  const fd = opened(t, await freePort());
  const { code, stderr } = await start(file, [fd], "web").ended;
  assert.equal(code, 1);
  assert.match(stderr, /Cannot listen on fd:www: what has been passed on is fd:web\./);
});

const activate = findCommand("systemd-socket-activate");
test("systemd passes sockets on", { skip: activate === null }, async (t) => {
  const port = await freePort();
  const file = await configure(t, 2, ["fd:web"]);
  const child: ChildProcess = spawn(
    activate!,
    ["-l", `127.0.0.1:${port}`, "--fdname=web", "-E", "PATH", command, "run", "--no-watch", file],
    { stdio: "ignore" },
  );
  t.after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  // It starts the process with the first connection, which waits for it.
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.write(request);
          void ask(socket).then((body) => resolve(body === "served"));
        });
        socket.once("error", () => resolve(false));
      }),
    "it is served",
  );
});
