/**
 * Where host names are looked up: the name servers directly, which tell how long an answer holds, and the system's own resolver for what only it
 * knows: the hosts file, search domains, multicast names. The system's resolver holds one of the process's few background threads while it
 * waits, so few such look-ups run at a time.
 */
import { promises as dns } from "node:dns";
import { readFile, stat } from "node:fs/promises";

/** An answer: addresses, IPv4 first, and how long it holds, in milliseconds. */
export interface NameAnswer {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

/** Looks names up. */
export interface NameSource {
  /** Rejects with an error that has a `code` where there is no answer. */
  lookUp(host: string): Promise<NameAnswer>;
  /** Ends look-ups under way; theirs may reject. */
  close(): void;
}

/** Wait for one name server, in milliseconds, and how often to ask. */
const serverTimeoutMs = 2_000;
const serverTries = 2;
/** The system's resolver does not say how long its answers hold. */
const systemTtlMs = 10_000;
const maxSystemLookups = 2;

const hostsPath = process.platform === "win32" ? `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts` : "/etc/hosts";

/** What a source may be given; the defaults are the machine's own. */
export interface SystemNameSourceOptions {
  readonly hostsPath?: string;
  /** Name servers, `address` or `address:port`. */
  readonly servers?: readonly string[];
  /** The system's resolver. */
  readonly askSystem?: (host: string) => Promise<readonly { readonly address: string }[]>;
}

/** The names of this machine's network. */
export class SystemNameSource implements NameSource {
  readonly #resolver = new dns.Resolver({ timeout: serverTimeoutMs, tries: serverTries });
  readonly #hosts: HostsFile;
  readonly #lookup: (host: string) => Promise<readonly { readonly address: string }[]>;
  #systemLookups = 0;
  readonly #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(options: SystemNameSourceOptions = {}) {
    this.#hosts = new HostsFile(options.hostsPath ?? hostsPath);
    this.#lookup = options.askSystem ?? ((host) => dns.lookup(host, { all: true, order: "ipv4first" }));
    if (options.servers !== undefined) this.#resolver.setServers(options.servers);
  }

  async lookUp(host: string): Promise<NameAnswer> {
    // A name without a dot is a search domain's business; a name in the hosts file overrides the name servers.
    if (!host.includes(".") || (await this.#hosts.has(host))) return this.#askSystem(host);
    try {
      return await this.#askServers(host);
    } catch (error) {
      if (this.#isClosed) throw error;
      return this.#askSystem(host);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#resolver.cancel();
  }

  async #askServers(host: string): Promise<NameAnswer> {
    const [ipv4, ipv6] = await Promise.allSettled([this.#resolver.resolve4(host, { ttl: true }), this.#resolver.resolve6(host, { ttl: true })]);
    const records = [...(ipv4.status === "fulfilled" ? ipv4.value : []), ...(ipv6.status === "fulfilled" ? ipv6.value : [])];
    if (records.length === 0) throw ipv4.status === "rejected" ? ipv4.reason : new Error("no records");
    return { addresses: records.map((record) => record.address), ttlMs: Math.min(...records.map((record) => record.ttl)) * 1_000 };
  }

  async #askSystem(host: string): Promise<NameAnswer> {
    while (this.#systemLookups >= maxSystemLookups) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#systemLookups++;
    try {
      const found = await this.#lookup(host);
      return { addresses: found.map((entry) => entry.address), ttlMs: systemTtlMs };
    } finally {
      this.#systemLookups--;
      this.#waiting.shift()?.();
    }
  }
}

/** The names in a hosts file, read again when the file has changed. */
class HostsFile {
  readonly #path: string;
  #names: ReadonlySet<string> = new Set();
  #changedMs = -1;

  constructor(path: string) {
    this.#path = path;
  }

  async has(host: string): Promise<boolean> {
    try {
      const changedMs = (await stat(this.#path)).mtimeMs;
      if (changedMs !== this.#changedMs) {
        this.#names = parseHosts(await readFile(this.#path, "utf8"));
        this.#changedMs = changedMs;
      }
      return this.#names.has(host.toLowerCase());
    } catch {
      // No hosts file, or not for us to read: then nobody overrides the name servers.
      return false;
    }
  }
}

/** The names in the text of a hosts file, in lower case. */
export function parseHosts(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    const [, ...found] = line.replace(/#.*/, "").trim().split(/\s+/);
    for (const name of found) names.add(name.toLowerCase());
  }
  return names;
}
