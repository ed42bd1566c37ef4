/** Paths of files in a configuration file are relative to its folder, wherever the process was started. */
import { resolve } from "node:path";
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import type { ListenerTlsOptions } from "../net/tls/options.ts";
import type { EndpointTls } from "../upstream/endpoint-tls.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { withDiscoveryPaths, withServicePaths } from "./discovery-paths.ts";
import type { Config } from "./schema.ts";

/** With absolute paths in place of those that are relative to `folder`. */
export function withAbsolutePaths(config: Config, folder: string): Config {
  const hasOwn = config.listeners.some(({ tls }) => tls !== null);
  const listeners = !hasOwn
    ? config.listeners
    : config.listeners.map((listener) =>
        listener.tls === null ? listener : { ...listener, tls: ofListenerTls(listener.tls, folder) },
      );
  const changed = Object.entries(config.upstreams).flatMap(([name, upstream]) =>
    upstream.tls === null && upstream.discovery === null ? [] : [[name, ofUpstream(upstream, folder)] as const],
  );
  const upstreams = changed.length === 0 ? config.upstreams : { ...config.upstreams, ...Object.fromEntries(changed) };
  const stores = Object.entries(config.stores).map(([name, store]) => [name, withServicePaths(store, folder)] as const);
  return hasOwn || changed.length > 0 || stores.length > 0
    ? { ...config, listeners, upstreams, stores: Object.fromEntries(stores) }
    : config;
}

function ofUpstream(upstream: UpstreamOptions, folder: string): UpstreamOptions {
  const { tls, discovery } = upstream;
  return {
    ...upstream,
    tls: tls === null ? null : ofEndpointTls(tls, folder),
    discovery: discovery === null ? null : withDiscoveryPaths(discovery, folder),
  };
}

function ofEndpointTls(tls: EndpointTls, folder: string): EndpointTls {
  const at = (path: string | null): string | null => (path === null ? null : resolve(folder, path));
  return { ...tls, ca: at(tls.ca), crl: at(tls.crl), cert: at(tls.cert), key: at(tls.key) };
}

function ofListenerTls(tls: ListenerTlsOptions, folder: string): ListenerTlsOptions {
  const at = (path: string): string => resolve(folder, path);
  const atMaybe = (path: string | null): string | null => (path === null ? null : at(path));
  const ofClientAuth = <Options extends { ca: string[]; crl: string[] } | null>(options: Options): Options =>
    options === null ? options : { ...options, ca: options.ca.map(at), crl: options.crl.map(at) };
  return {
    ...tls,
    certificates: tls.certificates.map(({ cert, key, chain, ocsp }) => ({
      cert: at(cert),
      key: at(key),
      chain: atMaybe(chain),
      ocsp: ocsp === "auto" || ocsp === "off" || ocsp === false ? ocsp : at(ocsp),
    })),
    clientAuth: ofClientAuth(tls.clientAuth),
    acme: tls.acme === null ? null : ofAcme(tls.acme, folder),
    hosts: tls.hosts.map((host) => ({ ...host, clientAuth: ofClientAuth(host.clientAuth) })),
    tickets: tls.tickets === null ? null : { ...tls.tickets, secret: atMaybe(tls.tickets.secret) },
  };
}

function ofAcme(acme: AcmeOptions, folder: string): AcmeOptions {
  const at = (path: string): string => resolve(folder, path);
  const withCa = <Section extends { ca: string | null }>(section: Section): Section =>
    section.ca === null ? section : { ...section, ca: at(section.ca) };
  const { directory, storage } = acme;
  return withCa({
    ...acme,
    directory: Array.isArray(directory)
      ? directory.map((one) => (typeof one === "string" ? one : withCa(one)))
      : directory,
    storage: ofStorage(storage, folder),
  });
}

function ofStorage(storage: AcmeOptions["storage"], folder: string): AcmeOptions["storage"] {
  if (typeof storage === "string") return resolve(folder, storage);
  const ca = storage?.etcd?.ca ?? null;
  if (storage === null || storage.etcd === null || ca === null) return storage;
  return { ...storage, etcd: { ...storage.etcd, ca: resolve(folder, ca) } };
}
