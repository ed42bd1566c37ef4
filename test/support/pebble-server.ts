/** A real ACME server, Pebble, with the name server that it asks and an authority of its own for its HTTPS. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { freePort } from "./free-port.ts";
import { eventually } from "./signal.ts";

/** Whether both commands are installed (`node scripts/install-packages.ts test`). */
export const hasPebble = findCommand("pebble") !== null && findCommand("pebble-challtestsrv") !== null;

/** How it behaves. */
export interface PebbleOptions {
  /** Percentage of good nonces that it refuses; default 15. */
  readonly nonceReject?: number;
  /** Key identifiers and HMAC keys in base64url: then an account must be bound to one. */
  readonly bindings?: Readonly<Record<string, string>>;
  /** How many roots more its certificates can end at. */
  readonly alternateRoots?: number;
  /** Percentage of authorizations that serve again; default 0, so that every order is validated. */
  readonly authorizationReuse?: number;
  /** Where it looks for proofs; default: free ports. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
}

/** A running server. All names stand for 127.0.0.1. */
export class PebbleServer {
  readonly #folder: string;
  readonly #port: number;
  readonly #managementPort: number;
  readonly #dnsPort: number;
  readonly #dnsManagementPort: number;
  readonly #options: PebbleOptions;
  #processes: ChildProcess[] = [];
  /** Where it looks for proofs of HTTP-01 and TLS-ALPN-01. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** The root that its own HTTPS is verified with. */
  readonly caPem: string;

  private constructor(folder: string, ports: readonly number[], options: PebbleOptions) {
    this.#folder = folder;
    [this.#port = 0, this.#managementPort = 0, this.#dnsPort = 0, this.#dnsManagementPort = 0] = ports;
    this.httpPort = options.httpPort ?? ports[4] ?? 0;
    this.tlsPort = options.tlsPort ?? ports[5] ?? 0;
    this.#options = options;
    this.caPem = readFileSync(join(folder, "cert.pem"), "utf8");
    const config = {
      listenAddress: `127.0.0.1:${this.#port}`,
      managementListenAddress: `127.0.0.1:${this.#managementPort}`,
      certificate: join(folder, "cert.pem"),
      privateKey: join(folder, "key.pem"),
      httpPort: this.httpPort,
      tlsPort: this.tlsPort,
      ocspResponderURL: "",
      externalAccountBindingRequired: options.bindings !== undefined,
      externalAccountMACKeys: options.bindings ?? {},
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ pebble: config }));
  }

  static async start(options: PebbleOptions = {}): Promise<PebbleServer> {
    const folder = mkdtempSync(join(tmpdir(), "millrace-pebble-"));
    makeCertificate(folder);
    const ports = await Promise.all([...Array(6)].map(() => freePort()));
    const server = new PebbleServer(folder, ports, options);
    await server.restart();
    return server;
  }

  get directoryUrl(): string {
    return `https://127.0.0.1:${this.#port}/dir`;
  }

  /** The file with `caPem`. */
  get caPath(): string {
    return join(this.#folder, "cert.pem");
  }

  /** Starts it: it has forgotten everything, and has another root. */
  async restart(): Promise<void> {
    await this.stop();
    const names = spawn(
      findCommand("pebble-challtestsrv") ?? "pebble-challtestsrv",
      [
        ...["-dns01", `127.0.0.1:${this.#dnsPort}`, "-management", `127.0.0.1:${this.#dnsManagementPort}`],
        ...["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""],
      ],
      { stdio: "ignore" },
    );
    const pebble = spawn(
      findCommand("pebble") ?? "pebble",
      ["-config", join(this.#folder, "config.json"), "-dnsserver", `127.0.0.1:${this.#dnsPort}`],
      {
        stdio: "ignore",
        env: {
          ...process.env,
          PEBBLE_VA_NOSLEEP: "1",
          PEBBLE_WFE_NONCEREJECT: String(this.#options.nonceReject ?? 15),
          PEBBLE_AUTHZREUSE: String(this.#options.authorizationReuse ?? 0),
          PEBBLE_ALTERNATE_ROOTS: String(this.#options.alternateRoots ?? 0),
        },
      },
    );
    this.#processes = [names, pebble];
    await eventually(
      () =>
        this.#get(this.directoryUrl).then(
          () => true,
          () => false,
        ),
      "Pebble answers",
    );
    await eventually(
      () =>
        this.askNames("clear-txt", { host: "nothing.test." }).then(
          () => true,
          () => false,
        ),
      "the name server answers",
    );
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    for (const child of processes) {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await ended;
      }
    }
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The root that its certificates end at; there are more with `alternateRoots`. */
  root(index = 0): Promise<string> {
    return this.#get(`https://127.0.0.1:${this.#managementPort}/roots/${index}`);
  }

  /** A command of the name server: `set-txt`, `clear-txt`, `add-a`, … */
  async askNames(command: string, body: object): Promise<void> {
    const answer = await fetch(this.namesUrl(command), { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${command}: ${answer.status}`);
    await answer.arrayBuffer();
  }

  /** Where the name server takes commands. */
  namesUrl(command: string): string {
    return `http://127.0.0.1:${this.#dnsManagementPort}/${command}`;
  }

  /** The address of the name server, over UDP and TCP. */
  get dnsAddress(): string {
    return `127.0.0.1:${this.#dnsPort}`;
  }

  #get(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      request(url, { ca: this.caPem, agent: false }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve(text));
      })
        .on("error", reject)
        .end();
    });
  }
}

function makeCertificate(folder: string): void {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=pebble", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
    ],
    { stdio: "ignore" },
  );
}
