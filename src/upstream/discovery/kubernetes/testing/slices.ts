/** Slices for tests, as the API writes them. */

/** What a test wants to say of an endpoint. */
export interface EndpointWish {
  readonly address: string;
  readonly uid?: string | null;
  readonly ready?: boolean | null;
  readonly serving?: boolean | null;
  readonly terminating?: boolean | null;
  readonly zone?: string;
}

/** An endpoint with what is always there; its pod is called like its address. */
export function endpoint({ address, uid = `pod-${address}`, ready = true, zone, ...wish }: EndpointWish): object {
  const { serving = ready, terminating = false } = wish;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(uid !== null && { targetRef: { kind: "Pod", name: uid, namespace: "default", uid } }),
    ...(zone !== undefined && { zone }),
    nodeName: "node-1",
  };
}

/** Ready endpoints at `addresses`. */
export function endpoints(...addresses: string[]): object[] {
  return addresses.map((address) => endpoint({ address }));
}

/** A slice object, for whoever reads without a server. */
export function sliceObject(fields: Readonly<Record<string, unknown>> = {}): object {
  const { name = "app-1", version = "7", service = "app", uid = "slice-1", ...rest } = fields;
  return {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: { name, uid, resourceVersion: version, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: null,
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    ...rest,
  };
}
