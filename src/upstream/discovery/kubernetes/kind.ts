/** The kind `kubernetes`. */
import type { DiscoveryKind } from "../discovery.ts";
import type { KubernetesOptions } from "./options.ts";

/** Endpoints from the EndpointSlices of a Service of Kubernetes. */
export const kubernetesKind: DiscoveryKind<KubernetesOptions> = {
  key: "kubernetes",
  describe: ({ service, namespace, apiServer }) =>
    `kubernetes ${apiServer ?? "(own cluster)"} ${namespace ?? "(own namespace)"}/${service}`,
  create: async (options, context) => {
    const { KubernetesDiscovery } = await import("./kubernetes-discovery.ts");
    return new KubernetesDiscovery(options, context);
  },
};
