/**
 * Where a configuration is kept: `etcd://host:port[,host:port]/key` or `consul://host:port/key`, as users write it.
 * Passwords and tokens better come from the environment, by the names that the tools of these stores read.
 */
import type { EtcdLogin } from "../../remote/etcd/etcd.ts";
import type { Environment } from "../environment.ts";

/** A store and a key in it. */
export interface StorePlace {
  readonly kind: "etcd" | "consul";
  /** The members, each `http://host:port` or `https://host:port`. */
  readonly urls: readonly string[];
  readonly key: string;
  /** Of etcd; null if nobody has to log in. */
  readonly login: EtcdLogin | null;
  /** Of Consul; null if none is needed. */
  readonly token: string | null;
  readonly datacentre: string | null;
  /** Paths of PEM files; null: as Node.js trusts, and as nobody. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly keyFile: string | null;
  /** The place as a URL without secrets. */
  readonly name: string;
}

/** Variables of the environment that hold what opens a store. Configurations do not get to see them. */
export const storeSecretNames = ["ETCDCTL_USER", "ETCDCTL_PASSWORD", "CONSUL_HTTP_TOKEN"] as const;

const defaultPorts = { etcd: 2379, consul: 8500 };
const maxKeyLength = 512;
const maxMembers = 16;

/** Is this the URL of a store rather than the name of a file? */
export function isStoreUrl(text: string): boolean {
  return /^(?:etcds?|consuls?):\/\//i.test(text);
}

/** Reads the URL. @throws RangeError with a sentence without a full stop, and without secrets */
export function parseStorePlace(text: string, environment: Environment): StorePlace {
  const parts = /^(etcds?|consuls?):\/\/(?:([^/?#]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?(#.*)?$/i.exec(text);
  if (parts === null) throw new RangeError("a store is named etcd://host:port/key or consul://host:port/key");
  const [, scheme = "", userInfo, hosts = "", path = "", query = "", fragment] = parts;
  const kind = scheme.toLowerCase().startsWith("etcd") ? "etcd" : "consul";
  if (fragment !== undefined) throw new RangeError('"#" must be written as %23');
  const options = readOptions(kind, query);
  const isSecure = scheme.toLowerCase().endsWith("s") || ["ca", "cert", "key"].some((name) => options.has(name));
  const members = hosts.split(",").map((host) => readHost(host, defaultPorts[kind]));
  if (members.includes(null))
    throw new RangeError(
      // What stands there may be a part of a password.
      text.includes("@")
        ? 'what follows the "@" is not host:port; "/", "?" and "#" before it must be written as %2F, %3F and %23'
        : `${JSON.stringify(hosts)} is not host:port`,
    );
  if (members.length > maxMembers) throw new RangeError(`${members.length} members are more than ${maxMembers}`);
  if (kind === "consul" && members.length > 1)
    throw new RangeError("of Consul one agent is named, which finds the servers");
  if (options.has("cert") !== options.has("key")) throw new RangeError('"cert" and "key" belong together');
  const key = readKey(kind, path);
  return {
    kind,
    urls: members.map((member) => `${isSecure ? "https" : "http"}://${member}`),
    key,
    login: kind === "etcd" ? readLogin(userInfo, environment) : null,
    token: kind === "consul" ? readToken(userInfo, environment) : null,
    datacentre: options.get("dc") ?? null,
    ca: options.get("ca") ?? null,
    cert: options.get("cert") ?? null,
    keyFile: options.get("key") ?? null,
    name: `${kind}${isSecure ? "s" : ""}://${members.join(",")}${path}`,
  };
}

function readOptions(kind: StorePlace["kind"], query: string): Map<string, string> {
  const known = kind === "etcd" ? ["ca", "cert", "key"] : ["ca", "cert", "key", "dc"];
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name))
      throw new RangeError(`${JSON.stringify(name)} is not known after the "?"; ${known.join(", ")} are`);
    if (value === "") throw new RangeError(`"${name}" after the "?" is empty`);
    options.set(name, value);
  }
  return options;
}

/** `host:port`; a port that is not written is the store's own. Null if it is something else. */
function readHost(text: string, defaultPort: number): string | null {
  const parts = /^([\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(text);
  const port = Number(parts?.[2] ?? defaultPort);
  return parts === null || port < 1 || port > 65_535 ? null : `${parts[1]}:${port}`;
}

/** Keys of etcd are any bytes, by custom with a slash first; those of Consul have none. */
function readKey(kind: StorePlace["kind"], path: string): string {
  let key: string;
  try {
    key = decodeURIComponent(path);
  } catch {
    throw new RangeError('"%" in a key must be written as %25');
  }
  const name = key.replace(/^\/+/, "");
  if (name === "" || name.endsWith("/"))
    throw new RangeError(
      "the key is missing: a URL of a store ends with it, as in etcd://127.0.0.1:2379/millrace/config",
    );
  if (key.length > maxKeyLength) throw new RangeError(`the key is longer than ${maxKeyLength} characters`);
  if (/[\x00-\x1f\x7f]/.test(key)) throw new RangeError("a key has no control characters");
  if (kind === "consul" && name.split("/").some((step) => step === "." || step === ".." || step === ""))
    throw new RangeError('a key of Consul has no parts that are empty, "." or ".."');
  return kind === "etcd" ? key : name;
}

function readLogin(userInfo: string | undefined, environment: Environment): StorePlace["login"] {
  const given = userInfo ?? "";
  // `user:password` in the variable is read as etcdctl does.
  const text = given === "" ? (environment["ETCDCTL_USER"] ?? "") : given;
  const [name = "", ...rest] = text.split(":");
  const decode = given === "" ? (part: string): string => part : decodeSecret;
  const user = decode(name);
  if (user === "") return null;
  return { user, password: rest.length > 0 ? decode(rest.join(":")) : (environment["ETCDCTL_PASSWORD"] ?? "") };
}

function readToken(userInfo: string | undefined, environment: Environment): string | null {
  const token = userInfo === undefined || userInfo === "" ? environment["CONSUL_HTTP_TOKEN"] : decodeSecret(userInfo);
  if (token === undefined || token === "") return null;
  if (!/^[\x21-\x7e]+$/.test(token)) throw new RangeError("the token has characters that no token has");
  return token;
}

function decodeSecret(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('"%" before the "@" must be written as %25');
  }
}
