/**
 * The proxy's admin listener over reloads: it stays where its address stays, and another takes its place if that
 * changes.
 */
import type { AdminServer } from "../admin/admin-server.ts";
import type { AdminSources } from "../admin/admin-sources.ts";
import type { AdminOptions } from "../admin/options.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import type { Logger } from "../observe/logger.ts";
import { assertAddressFree } from "./assert-address-free.ts";

interface Opened {
  readonly options: AdminOptions;
  readonly server: AdminServer;
}

/** Opens, keeps, moves and closes the admin listener, in two steps: `prepare`, then `commit`. */
export class AdminListener {
  readonly #sources: AdminSources;
  readonly #logger: Logger;
  readonly #closing = new Set<Promise<void>>();
  #current: Opened | null = null;
  #prepared: Opened | null = null;

  constructor(sources: AdminSources, logger: Logger) {
    this.#sources = sources;
    this.#logger = logger;
  }

  /** Where it is, as people write it; null if there is none. */
  get address(): string | null {
    return this.#current === null ? null : formatListenAddress(this.#current.server.address);
  }

  /** Where it is; null if there is none. */
  get boundAddress(): ListenAddress | null {
    return this.#current?.server.address ?? null;
  }

  /**
   * Opens what `options` (null = none) ask for, beside what there is. @throws the system's error; then nothing has
   * changed
   */
  async prepare(options: AdminOptions | null): Promise<void> {
    const current = this.#current;
    if (options === null) this.#prepared = null;
    else if (current !== null && formatListenAddress(current.options.address) === formatListenAddress(options.address))
      this.#prepared = { options, server: current.server };
    else {
      const own = current?.server.address;
      await assertAddressFree(options.address, own?.kind === "tcp" ? [own] : []);
      this.#prepared = { options, server: await this.#open(options) };
    }
  }

  /**
   * Puts what was prepared in the place of what there was. Nobody waits for that: it may be answering the very request
   * that replaces it.
   */
  commit(): void {
    const before = this.#current;
    this.#current = this.#prepared;
    const address = this.#current?.options.address;
    if (address?.kind === "unix" && before?.server === this.#current?.server)
      this.#current?.server.setMode(address.mode);
    if (before === null || before.server === this.#current?.server) return;
    const closing = before.server.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Closes it; answers under way have a second. */
  async close(): Promise<void> {
    this.#prepared = null;
    this.commit();
    await Promise.all(this.#closing);
  }

  async #open(options: AdminOptions): Promise<AdminServer> {
    // Not everybody has one, and it loads node:http.
    const { createAdminServer } = await import("../admin/admin-server.ts");
    // Tokens may change while it serves.
    const tokens = (): AdminOptions["tokens"] => this.#current?.options.tokens ?? options.tokens;
    return createAdminServer({
      address: options.address,
      get tokens() {
        return tokens();
      },
      sources: this.#sources,
      onError: (error) => this.#logger.error("the admin listener failed", { error }),
    });
  }
}
