/** One connection to each engine, for all upstreams that ask it. */
import type { LookupFunction } from "node:net";
import { createRemoteHttp } from "../../../remote/http-client.ts";
import { remoteTlsOf } from "../../../remote/remote-tls-files.ts";
import type { DiscoveryContext } from "../discovery.ts";
import { DockerApi } from "./docker-api.ts";
import { DockerEngine, type EngineFollower } from "./docker-engine.ts";
import type { DockerDiscoveryOptions } from "./options.ts";

/** A list of some thousand containers. */
const maxBodyBytes = 32 * 1024 * 1024;

interface SharedEngine {
  readonly engine: DockerEngine;
  close(): void;
}

/** By who resolves names, which ends with its proxy, and programs may have several; then by the options. */
const engines = new WeakMap<LookupFunction, Map<string, SharedEngine>>();

/** Follows the engine of `options`. @returns what ends it; the last one who leaves closes the connection */
export function followEngine(
  options: DockerDiscoveryOptions,
  { scheduler, random, lookup }: DiscoveryContext,
  follower: EngineFollower,
): () => void {
  const { host, tls } = options;
  const own = engines.get(lookup) ?? new Map<string, SharedEngine>();
  engines.set(lookup, own);
  const key = JSON.stringify([host, tls]);
  const open = (): SharedEngine => {
    const http = createRemoteHttp({
      tls: remoteTlsOf(tls),
      socketPath: host.socketPath,
      maxBodyBytes,
      scheduler,
      lookup,
    });
    const isSecure = host.isSecure || (tls !== null && host.socketPath === null);
    const engine = new DockerEngine({ api: new DockerApi(http, { ...host, isSecure }), scheduler, random });
    return {
      engine,
      close() {
        own.delete(key);
        engine.close();
        http.close();
      },
    };
  };
  const shared = own.get(key) ?? open();
  own.set(key, shared);
  shared.engine.follow(follower);
  return () => {
    if (shared.engine.leave(follower) && own.get(key) === shared) shared.close();
  };
}
