/**
 * What this machine says about names: its hosts file and the settings of its resolver. Both files may change at any
 * time.
 */
import { hostname } from "node:os";
import { hostsPath, parseHosts } from "./hosts-file.ts";
import { parseResolvConf, type ResolverSettings } from "./resolv-conf.ts";
import { WatchedFile } from "./watched-file.ts";

/** The files are looked at this often while names are in use. */
export const settingsMs = 2_000;

/** Where they are; the defaults are the machine's own. */
export interface MachineNamesOptions {
  readonly hostsPath?: string;
  /** Default: the variable MILLRACE_RESOLV_CONF, else `/etc/resolv.conf`. */
  readonly resolvConfPath?: string;
  readonly hostName?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The hosts file and the settings, as they were when they were last looked at. */
export class MachineNames {
  readonly #hosts: WatchedFile<ReturnType<typeof parseHosts>>;
  readonly #settings: WatchedFile<ResolverSettings>;

  constructor(options: MachineNamesOptions = {}) {
    const environment = options.environment ?? process.env;
    const surroundings = { hostName: options.hostName ?? hostname(), environment };
    this.#hosts = new WatchedFile(options.hostsPath ?? hostsPath, (text) => parseHosts(text ?? ""));
    this.#settings = new WatchedFile(
      options.resolvConfPath ?? environment["MILLRACE_RESOLV_CONF"] ?? "/etc/resolv.conf",
      (text) => parseResolvConf(text, surroundings),
    );
  }

  /** Another object whenever they have changed. */
  get settings(): ResolverSettings {
    return this.#settings.value;
  }

  /**
   * Looks at both files.
   * @returns whether one has changed since the last look; never the first time
   * @throws the system's error if one cannot be read and never was
   */
  async look(): Promise<boolean> {
    const [hosts, settings] = await Promise.all([this.#hosts.look(), this.#settings.look()]);
    return hosts || settings;
  }

  /** The addresses of `host` that need no name server; null if one must be asked. */
  ownAddresses(host: string): readonly string[] | null {
    const name = host.toLowerCase().replace(/\.$/, "");
    return this.#hosts.value.get(name) ?? (isLocalhost(name) ? ["127.0.0.1", "::1"] : null);
  }
}

/** RFC 6761 section 6.3: never asked for on the network. */
function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}
