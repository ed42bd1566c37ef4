/** A real etcd on free ports of the loopback interface. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { freePort } from "./free-port.ts";
import { eventually } from "./signal.ts";

/** Where the command is; null if it is not installed (`node scripts/install-packages.ts test`). */
export const etcdCommand = findCommand("etcd");

/** A running server with one member. */
export class EtcdServer {
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly url: string;

  private constructor(folder: string, [port, peerPort]: readonly number[]) {
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    const peers = `http://127.0.0.1:${peerPort}`;
    this.#process = spawn(
      etcdCommand ?? "etcd",
      [
        ...["--data-dir", join(folder, "data"), "--unsafe-no-fsync", "--name", "one"],
        ...["--listen-client-urls", this.url, "--advertise-client-urls", this.url],
        ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", `one=${peers}`],
      ],
      { stdio: "ignore" },
    );
  }

  static async start(): Promise<EtcdServer> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-etcd-"));
    const server = new EtcdServer(folder, [await freePort(), await freePort()]);
    await eventually(
      () =>
        fetch(`${server.url}/health`).then(
          async (answer) => (await answer.text()).includes("true"),
          () => false,
        ),
      "etcd answers",
    );
    return server;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
      this.#process.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
