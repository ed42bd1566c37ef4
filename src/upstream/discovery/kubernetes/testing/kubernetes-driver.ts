/** Kubernetes under the suite that all kinds of discovery pass: each port is a slice of its own. */
import type { Discovery, DiscoveryContext } from "../../discovery.ts";
import type { DiscoveryDriver } from "../../testing/conformance.ts";
import { kubernetesKind } from "../kind.ts";
import { kubernetesDiscoverySchema } from "../options.ts";
import { FakeKubernetes } from "./fake-kubernetes.ts";
import { endpoint } from "./slices.ts";

const service = "api";

/** Steers the double. */
export class KubernetesDriver implements DiscoveryDriver {
  /** A pod that goes away has none, every other one. */
  readonly weights = [1, 0];
  readonly #server: FakeKubernetes;
  #isAway = false;

  constructor(server: FakeKubernetes) {
    this.#server = server;
  }

  create(context: DiscoveryContext): Promise<Discovery> {
    const written = { service, namespace: "default", apiServer: this.#server.url };
    return kubernetesKind.create(kubernetesDiscoverySchema.parse(written), context);
  }

  async put(port: number, weight: number): Promise<void> {
    const pod = { address: "127.0.0.1", uid: `pod-${port}` };
    this.#server.put({
      name: `api-${port}`,
      service,
      ports: [{ name: "http", port, protocol: "TCP" }],
      endpoints: [endpoint(weight > 0 ? pod : { ...pod, ready: false, serving: true, terminating: true })],
    });
  }

  async remove(port: number): Promise<void> {
    this.#server.remove(`api-${port}`);
  }

  async putNonsense(): Promise<void> {
    this.#server.put({ name: "api-nonsense", service, endpoints: [endpoint({ address: "nonsense-secret" })] });
  }

  async goAway(): Promise<void> {
    this.#isAway = true;
    await this.#server.stop();
  }

  async comeBack(): Promise<void> {
    this.#server.refuse = () => null;
    if (this.#isAway) await this.#server.listen();
    this.#isAway = false;
    this.#server.breakAll();
  }

  async talkNonsense(): Promise<void> {
    this.#server.refuse = () => ({ status: 200, body: '{"kind":"nonsense-secret' });
    this.#server.breakAll();
  }

  async stall(): Promise<void> {
    this.#server.refuse = () => "stall";
    this.#server.breakAll();
  }

  async goBackwards(): Promise<void> {
    this.#server.setBack(500);
    this.#server.breakAll();
  }

  async fillUp(count: number): Promise<void> {
    const addressOf = (at: number): string => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
    for (let from = 0; from < count; from += 100) {
      const endpoints = Array.from({ length: Math.min(100, count - from) }, (_, at) =>
        endpoint({ address: addressOf(from + at) }),
      );
      this.#server.put({ name: `api-full-${from}`, service, endpoints });
    }
  }

  openCount(): number {
    return this.#server.connectionCount;
  }

  async close(): Promise<void> {
    if (!this.#isAway) await this.#server.stop();
  }
}

/** Starts the double. */
export async function startKubernetesDriver(): Promise<KubernetesDriver> {
  return new KubernetesDriver(await FakeKubernetes.start());
}
