/** Where the API server is, and how one is let in: as configured, else as a pod finds it in its environment. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../base/clock.ts";
import type { RemoteTlsSource } from "../../../remote/remote-tls.ts";
import { remoteTlsOf } from "../../../remote/remote-tls-files.ts";
import type { RemoteTlsOptions } from "../../../remote/remote-tls-options.ts";
import type { KubernetesOptions } from "./options.ts";
import { TokenFile } from "./token-file.ts";

/** What every pod is given, unless its specification says otherwise. */
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

const verified: RemoteTlsOptions = { ca: null, cert: null, key: null, serverName: null, verify: true };

/** A cluster that can be asked. */
export interface Cluster {
  /** No slash at its end. */
  readonly url: string;
  /** null: no token is shown. */
  readonly token: TokenFile | null;
  readonly tls: RemoteTlsSource | null;
  readonly namespace: string;
}

/** What a process is told about the cluster that it runs in. */
export interface PodEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The folder of the service account. */
  readonly account: string;
}

/**
 * Finds the cluster.
 * @throws Error with a sentence, if this is no pod and the configuration does not say what is missing
 */
export async function findCluster(
  options: Pick<KubernetesOptions, "apiServer" | "namespace" | "tokenFile" | "tls">,
  clock: Clock,
  { variables, account }: PodEnvironment = { variables: process.env, account: accountFolder },
): Promise<Cluster> {
  const isOwn = options.apiServer === null;
  const tokenPath = options.tokenFile ?? (isOwn ? join(account, "token") : null);
  return {
    url: options.apiServer ?? ownServer(variables),
    // The token of the pod is shown to no other server than that of its cluster.
    token: tokenPath === null ? null : new TokenFile(tokenPath, clock),
    tls: remoteTlsOf(options.tls ?? (isOwn ? { ...verified, ca: join(account, "ca.crt") } : null)),
    namespace: options.namespace ?? (await ownNamespace(account)),
  };
}

function ownServer(variables: PodEnvironment["variables"]): string {
  const host = variables["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = variables["KUBERNETES_SERVICE_PORT_HTTPS"] ?? variables["KUBERNETES_SERVICE_PORT"] ?? "443";
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (host === "" || !URL.canParse(url))
    throw new Error(
      "this is no pod of Kubernetes (KUBERNETES_SERVICE_HOST is not set): name the API server in `apiServer`",
    );
  return url;
}

async function ownNamespace(account: string): Promise<string> {
  const path = join(account, "namespace");
  const text = await readFile(path, "utf8").catch(() => "");
  const namespace = text.trim();
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace))
    throw new Error(`${path} names no namespace: say which in \`namespace\``);
  return namespace;
}
