/** A real name server, dnsmasq, on a free port of the loopback interface. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { DnsClient } from "../../src/remote/dns/dns-client.ts";
import { parseDnsServer } from "../../src/remote/dns/dns-server.ts";
import { systemScheduler } from "../../src/base/scheduler.ts";
import { freePort } from "./free-port.ts";
import { eventually } from "./signal.ts";

/** Where the command is; null if it is not installed (`node scripts/install-packages.ts test`). */
export const dnsmasqCommand = findCommand("dnsmasq");

/** A name server that knows what its configuration says, and nothing else. */
export class DnsmasqServer {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | null = null;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  /** @param lines of its configuration: `host-record=api.test,10.0.0.1,5`, `srv-host=…` */
  static async start(lines: readonly string[]): Promise<DnsmasqServer> {
    const server = new DnsmasqServer(await mkdtemp(join(tmpdir(), "millrace-dnsmasq-")), await freePort());
    await server.restart(lines);
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Stops answering. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = null;
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
    server.kill("SIGKILL");
    await ended;
  }

  /** Starts it, or starts it again with other lines, at the same port. */
  async restart(lines: readonly string[]): Promise<void> {
    await this.kill();
    const path = join(this.#folder, "dnsmasq.conf");
    await writeFile(`${path}.new`, lines.map((line) => `${line}\n`).join(""));
    await rename(`${path}.new`, path);
    this.#process = spawn(
      dnsmasqCommand ?? "dnsmasq",
      [
        ...["--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-poll", "--user=", "--group=", "--pid-file="],
        ...[`--port=${this.port}`, "--listen-address=127.0.0.1", "--bind-interfaces", `--conf-file=${path}`],
      ],
      { stdio: "ignore" },
    );
    const client = new DnsClient({
      servers: [parseDnsServer(this.address)],
      timeoutMs: 200,
      attempts: 1,
      scheduler: systemScheduler,
    });
    await eventually(
      () =>
        client.ask({ name: "version.bind", type: "A" }, "tcp").then(
          () => true,
          // It refuses what it does not know.
          (error: Error) => error.message.includes("REFUSED"),
        ),
      "dnsmasq answers",
    );
    client.close();
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
