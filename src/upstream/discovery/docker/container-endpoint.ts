/** Which endpoint a container is, by its labels and the options of the upstream. */
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { readEndpointRecord } from "../endpoint-record.ts";
import { type DockerContainer, textOf } from "./container.ts";
import type { DockerDiscoveryOptions, DockerHost } from "./options.ts";

/** What is asked about a container. */
export interface ContainerQuestion {
  readonly container: DockerContainer;
  readonly options: DockerDiscoveryOptions;
  readonly upstream: string;
  /** The networks that can be reached; null = any. */
  readonly ownNetworks: ReadonlySet<string> | null;
  /** It was told to end: it gets nothing new. */
  readonly isStopping: boolean;
}

/**
 * The endpoint; null if the container is not meant for this upstream; a sentence if it is meant, but cannot be one.
 * The container's id is its identity: another container at the same address is another endpoint.
 */
export function endpointOf(question: ContainerQuestion): ListedEndpoint | string | null {
  const { container, options, upstream, isStopping } = question;
  if (!isMeant(container, options, upstream)) return null;
  const { labels, name, health } = container;
  if (!container.isRunning) return null;
  if (options.health === "respect" && (health === "starting" || health === "unhealthy"))
    return `container ${name} is ${health === "starting" ? "not healthy yet" : health}`;
  const label = (key: string): string | undefined => textOf(labels[`millrace.${key}`]).trim() || undefined;
  const scheme = options.scheme ?? label("scheme") ?? "http";
  const port = options.port ?? label("port") ?? onlyPort(container, scheme);
  if (port === null)
    return `container ${name} exposes ${container.ports.length === 0 ? "no port" : "several ports"}; say which by the label millrace.port`;
  if (!/^\d{1,5}$/.test(String(port))) return `container ${name} has a label millrace.port that is no number`;
  const host = addressOf(question, label("network"));
  if (host.problem !== null) return host.problem;
  const weight = label("weight") ?? "1";
  if (!/^\d{1,9}$/.test(weight)) return `container ${name} has a label millrace.weight that is no number`;
  const record = readEndpointRecord({
    url: `${scheme}://${host.address.includes(":") ? `[${host.address}]` : host.address}:${port}`,
    weight: isStopping ? 0 : Number(weight),
    zone: label("zone") ?? null,
    backup: label("backup") === "true",
    identity: container.id,
  });
  return typeof record === "string" ? `container ${name}: ${record}` : record;
}

function isMeant({ labels }: DockerContainer, options: DockerDiscoveryOptions, upstream: string): boolean {
  if (textOf(labels["millrace.enable"]).toLowerCase() === "false") return false;
  if (options.labels === null)
    return textOf(labels["millrace.upstream"])
      .split(",")
      .some((name) => name.trim() === upstream);
  return options.labels.every((wanted) => {
    const [key = ""] = wanted.split("=", 1);
    return key.length === wanted.length ? Object.hasOwn(labels, key) : labels[key] === wanted.slice(key.length + 1);
  });
}

function onlyPort({ ports }: DockerContainer, scheme: string): string | null {
  const type = scheme === "udp" ? "/udp" : "/tcp";
  const [first, ...others] = ports.filter((port) => port.endsWith(type));
  return first === undefined || others.length > 0 ? null : first.slice(0, -type.length);
}

type Address = { readonly problem: null; readonly address: string } | { readonly problem: string };

function addressOf({ container, options, ownNetworks }: ContainerQuestion, ownWish: string | undefined): Address {
  const { name, networks, networkMode } = container;
  const wanted = options.network ?? ownWish;
  if (wanted !== undefined) {
    const network = networks.find((one) => one.name === wanted);
    if (network === undefined) return { problem: `container ${name} is not in the network ${wanted}` };
    if (network.address === "") return { problem: `container ${name} has no address in the network ${wanted} yet` };
    return { problem: null, address: network.address };
  }
  if (networkMode === "host") {
    if (ownNetworks !== null) return { problem: `container ${name} is in the network of the machine, and we are not` };
    return { problem: null, address: options.host.socketPath === null ? hostOf(options.host) : "127.0.0.1" };
  }
  const withAddress = networks.filter(({ address }) => address !== "");
  if (withAddress.length === 0) return { problem: `container ${name} has no address` };
  const network = withAddress.find((one) => ownNetworks === null || ownNetworks.has(one.name));
  if (network === undefined) return { problem: `container ${name} is in none of our networks` };
  return { problem: null, address: network.address };
}

function hostOf({ authority }: DockerHost): string {
  return authority.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
