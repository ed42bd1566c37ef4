/** nginx and HAProxy as processes of their own, from a configuration, for tests with what stands around a proxy. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { isRefused } from "./free-port.ts";
import { eventually } from "./signal.ts";

/** Where the commands are; null if they are not installed (`node scripts/install-packages.ts test`). */
export const haproxyCommand = findCommand("haproxy");
export const nginxCommand = findCommand("nginx");

const streamModulePath = "/usr/lib/nginx/modules/ngx_stream_module.so";
/** What makes nginx pass on connections; null if it cannot (Debian: `libnginx-mod-stream`). */
export const nginxStreamModule = existsSync(streamModulePath) ? `load_module ${streamModulePath};\n` : null;

/** A running peer. Register `stop` with the test. */
export class EdgePeer {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** @param port that it listens on: it has started when it takes a connection there */
  static async haproxy(config: string, port: number): Promise<EdgePeer> {
    const text = `defaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n${config}\n`;
    return await EdgePeer.#start(haproxyCommand!, { text, port, args: (file) => ["-db", "-f", file] });
  }

  /** @param config without what keeps it in its folder and in the foreground @param modules before all else */
  static async nginx(config: string, port: number, modules = ""): Promise<EdgePeer> {
    const text = `${modules}daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\n${config}\n`;
    return await EdgePeer.#start(nginxCommand!, { text, port, args: (file, folder) => ["-p", folder, "-c", file] });
  }

  static async #start(
    command: string,
    parts: { text: string; port: number; args: (file: string, folder: string) => string[] },
  ): Promise<EdgePeer> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-peer-"));
    const file = join(folder, "peer.conf");
    await writeFile(file, parts.text);
    const child = spawn(command, parts.args(file, folder), { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const peer = new EdgePeer(child, folder);
    try {
      await eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(`${command} has ended: ${said}`);
          return !(await isRefused(parts.port));
        },
        () => `${command} listens: ${said}`,
      );
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
