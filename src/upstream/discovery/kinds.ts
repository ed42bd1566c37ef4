/** The kinds of discovery, by their key in the configuration. Loaded only if an upstream has one. */
import { consulKind } from "./consul/kind.ts";
import type { Discovery, DiscoveryContext, DiscoveryKind } from "./discovery.ts";
import { dnsKind } from "./dns/kind.ts";
import { etcdKind } from "./etcd/kind.ts";
import { dockerKind } from "./docker/kind.ts";
import { fileKind } from "./file/kind.ts";
import { httpKind } from "./http/kind.ts";
import { kubernetesKind } from "./kubernetes/kind.ts";
import type { DiscoveryOptions } from "./options.ts";

/** The options that are no kind. */
type SharedKey = "hold" | "startTimeout" | "lastGood";

type KindTable = {
  readonly [Key in Exclude<keyof DiscoveryOptions, SharedKey>]: DiscoveryKind<NonNullable<DiscoveryOptions[Key]>>;
};

const kinds: KindTable = {
  etcd: etcdKind,
  consul: consulKind,
  dns: dnsKind,
  file: fileKind,
  http: httpKind,
  docker: dockerKind,
  kubernetes: kubernetesKind,
};

/** What an upstream's `discovery` asks for. */
export interface ConfiguredDiscovery {
  readonly kind: string;
  /** What is followed, for people, without secrets. */
  readonly description: string;
  create(context: DiscoveryContext): Promise<Discovery>;
}

/** The kind that `options` ask for, with its own options. */
export function findDiscoveryKind(options: DiscoveryOptions): ConfiguredDiscovery {
  for (const kind of Object.values(kinds as Readonly<Record<string, DiscoveryKind<unknown>>>)) {
    const own = (options as Readonly<Record<string, unknown>>)[kind.key] ?? null;
    if (own !== null)
      return {
        kind: kind.key,
        description: kind.describe(own),
        create: (context) => kind.create(own, context),
      };
  }
  throw new Error("this discovery has no kind");
}
