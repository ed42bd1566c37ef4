/** A key of Consul that goes with whoever writes it: its lock is a session's, and the session removes what it locks. */
import { type LeaseDriver, leaseSeconds } from "../leased-text.ts";
import type { ConsulClient } from "./consul-client.ts";

/** Writes `key`. */
export function consulLeaseDriver(client: ConsulClient, key: string): LeaseDriver {
  return {
    grant: () => client.createSession(leaseSeconds * 1_000),
    renew: (session) => client.renewSession(session),
    put: (text, session) => client.putKey(key, text, { acquiredBy: session }),
    release: (session) => client.destroySession(session),
  };
}
