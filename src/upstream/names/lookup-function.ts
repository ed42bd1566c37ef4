/** Makes a resolver into the `lookup` function that `node:net` and `node:http` take. */
import type { LookupAddress, LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";
import { ipVersion } from "../../base/ip-address.ts";
import type { ServerNames } from "../../store/redis-connection.ts";
import type { HostResolver } from "./host-resolver.ts";

/**
 * Answers with all addresses if all are asked for, else with the first. Never within the call, as Node expects. An
 * error has the code of the name service, or that of the system if this process is short of something.
 */
export function toLookupFunction(resolver: Pick<HostResolver, "resolve">): LookupFunction {
  return (
    host: string,
    options: LookupOptions,
    onDone: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
  ) => {
    resolver.resolve(host, (error, addresses) => {
      process.nextTick(() => {
        const found = addresses.map((address) => ({ address, family: ipVersion(address) }));
        const first = found[0];
        if (error !== null || first === undefined)
          onDone(Object.assign(new Error(error?.detail ?? host), { code: error?.systemCode ?? "ENODATA" }), "");
        else if (options.all === true) onDone(null, found);
        else onDone(null, first.address, first.family);
      });
    });
  };
}

/** Makes `resolver` into the function that connections to stores take. */
export function toServerNames(resolver: HostResolver): ServerNames {
  return {
    lookup: toLookupFunction(resolver),
    watch: (host, watcher) => resolver.watch(host, watcher),
    unwatch: (host, watcher) => resolver.unwatch(host, watcher),
  };
}
