/** A real etcd on free ports of the loopback interface: one member, or a cluster of several. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { freePort } from "./free-port.ts";
import { eventually } from "./signal.ts";

/** Where the command is; null if it is not installed (`node scripts/install-packages.ts test`). */
export const etcdCommand = findCommand("etcd");

/** Files in PEM: clients have to show a certificate of `ca`. */
export interface EtcdTlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How the servers are started. */
export interface EtcdServerOptions {
  /** Clients speak TLS, and show a certificate. */
  readonly tls?: EtcdTlsFiles;
}

interface Member {
  readonly name: string;
  readonly folder: string;
  readonly url: string;
  readonly peerUrl: string;
}

/** One member: it can be killed, frozen, and started again. */
export class EtcdServer {
  readonly url: string;
  readonly #member: Member;
  readonly #all: readonly Member[];
  readonly #options: EtcdServerOptions;
  #process: ChildProcess | null = null;

  private constructor(member: Member, all: readonly Member[], options: EtcdServerOptions) {
    this.#member = member;
    this.#all = all;
    this.#options = options;
    this.url = member.url;
  }

  /** A cluster of one. */
  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const [server] = await EtcdServer.startCluster(1, options);
    return server!;
  }

  /** A cluster; all members answer. */
  static async startCluster(count: number, options: EtcdServerOptions = {}): Promise<EtcdServer[]> {
    const scheme = options.tls === undefined ? "http" : "https";
    const members: Member[] = [];
    for (let at = 0; at < count; at++)
      members.push({
        name: `member${at}`,
        folder: await mkdtemp(join(tmpdir(), "millrace-etcd-")),
        url: `${scheme}://127.0.0.1:${await freePort()}`,
        peerUrl: `http://127.0.0.1:${await freePort()}`,
      });
    const servers = members.map((member) => new EtcdServer(member, members, options));
    for (const server of servers) server.#spawn();
    await Promise.all(servers.map((server) => server.#untilHealthy()));
    return servers;
  }

  /** Ends it as a crash does. Its data stays. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await ended;
  }

  /** Starts it again after `kill`. @param options.isEmpty its data is lost, and with it, in a cluster of one, all */
  async restart({ isEmpty = false }: { readonly isEmpty?: boolean } = {}): Promise<void> {
    await this.kill();
    if (isEmpty) await rm(join(this.#member.folder, "data"), { recursive: true, force: true });
    this.#spawn();
    await this.#untilHealthy();
  }

  /** It keeps its connections, and says nothing any more. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#member.folder, { recursive: true, force: true });
  }

  #spawn(): void {
    const { name, folder, url, peerUrl } = this.#member;
    const cluster = this.#all.map((member) => `${member.name}=${member.peerUrl}`).join(",");
    const { tls } = this.#options;
    this.#process = spawn(
      etcdCommand ?? "etcd",
      [
        ...["--data-dir", join(folder, "data"), "--unsafe-no-fsync", "--name", name],
        ...["--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl, "--initial-cluster", cluster],
        ...["--heartbeat-interval", "50", "--election-timeout", "500"],
        ...(tls === undefined
          ? []
          : ["--cert-file", tls.cert, "--key-file", tls.key, "--trusted-ca-file", tls.ca, "--client-cert-auth"]),
      ],
      { stdio: "ignore" },
    );
  }

  async #untilHealthy(): Promise<void> {
    await eventually(async () => (await this.#health()).includes("true"), `${this.url} is healthy`);
  }

  async #health(): Promise<string> {
    const { tls } = this.#options;
    const shown =
      tls === undefined ? {} : { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
    const { promise, resolve } = Promise.withResolvers<string>();
    const ask = tls === undefined ? httpRequest : httpsRequest;
    const request = ask(`${this.url}/health`, { agent: false, timeout: 2_000, ...shown }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("close", () => resolve(text));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(""));
    request.end();
    return await promise;
  }
}
