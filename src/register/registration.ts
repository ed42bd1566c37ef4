/** What a service holds that has registered. Public: it reaches neither clients nor the schema library. */

/**
 * A service that is registered, or will be as soon as the cluster answers.
 *
 * @example
 * ```ts
 * import { register, type Registration } from "millrace";
 *
 * const registration: Registration = register({
 *   etcd: { urls: ["http://10.0.0.1:2379"] },
 *   upstream: "api",
 *   url: "http://10.0.0.7:8080",
 * });
 * await registration.registered;
 * await registration.unregister({ grace: "10s" });
 * ```
 */
export interface Registration {
  /** Resolves when it is registered for the first time, or is not to be any more. Never rejects. */
  readonly registered: Promise<void>;
  /** The key is there, as far as is known. */
  readonly isRegistered: boolean;
  /** Proxies send nothing new here; what is under way goes on. The key stays, with weight 0. Never rejects. */
  drain(): Promise<void>;
  /**
   * Drains, waits for `grace` (default: 5s), so that the proxies have seen it and what is under way can end, and removes
   * the key. Never rejects: if the cluster cannot be asked, the key goes with its lease. Keeps the process alive meanwhile.
   */
  unregister(options?: { readonly grace?: string }): Promise<void>;
}
