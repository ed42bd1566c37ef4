/**
 * What reloads have taken out of service and exchanges still use: listeners with open connections, transports with
 * attempts in flight. Nothing in here takes anything new; each is forgotten when it is done.
 */
import type { Transport } from "../upstream/transport.ts";
import { idleGraceMs } from "./idle-grace.ts";
import type { Listener } from "./listener.ts";

/** Holds listeners and transports that no configuration has any more until the last exchange has left them. */
export class Retired {
  readonly #listeners = new Set<Listener>();
  readonly #transports = new Set<Transport>();

  get listeners(): readonly Listener[] {
    return [...this.#listeners];
  }

  get transports(): readonly Transport[] {
    this.#forgetIdleTransports();
    return [...this.#transports];
  }

  /**
   * Drains `listener`, and closes it when connections are left after `graceMs`. @param onGone called when the last
   * connection is gone
   */
  addListener(listener: Listener, graceMs: number, onGone: () => void): void {
    this.#listeners.add(listener);
    const timer = setTimeout(() => listener.close(), graceMs);
    timer.unref();
    void listener.drain(idleGraceMs).then(() => {
      clearTimeout(timer);
      this.#listeners.delete(listener);
      onGone();
    });
  }

  /** Drains `transport`. There is no deadline: what exchanges are doing there is theirs, tunnels above all. */
  addTransport(transport: Transport): void {
    this.#forgetIdleTransports();
    transport.drain();
    this.#transports.add(transport);
  }

  /** Resolves when the last connection of the last listener is gone. @param idleMs see `ClientConnection.drain` */
  async drain(idleMs: number): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.drain(idleMs)));
  }

  /** Ends everything at once. */
  close(): void {
    for (const listener of this.listeners) listener.close();
    for (const transport of this.#transports) transport.close();
    this.#transports.clear();
  }

  // A retired transport may come to life once more, when an exchange that began before the reload tries again; so
  // nothing tells that it is done but a look.
  #forgetIdleTransports(): void {
    for (const transport of this.#transports) if (transport.connectionCount === 0) this.#transports.delete(transport);
  }
}
