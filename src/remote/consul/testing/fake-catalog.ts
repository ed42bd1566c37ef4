/** The services of the double of Consul: instances on nodes, their checks, and what `/v1/health/service/NAME` says. */

/** A check, of a service or of the whole node (without a service). */
export interface FakeCheck {
  readonly id: string;
  readonly name: string;
  readonly status: "passing" | "warning" | "critical";
  readonly output?: string;
}

/** An instance of a service. */
export interface FakeInstance {
  readonly service: string;
  readonly id: string;
  readonly node?: string;
  readonly nodeAddress?: string;
  /** Empty: the node's. */
  readonly address?: string;
  readonly port: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly Passing: number; readonly Warning: number } | null;
  readonly checks?: readonly FakeCheck[];
  readonly socketPath?: string;
  readonly zone?: string;
}

interface Entry {
  readonly instance: FakeInstance;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** What is registered, and when it changed. */
export class FakeCatalog {
  readonly #entries = new Map<string, Entry>();
  readonly #nodeChecks = new Map<string, readonly FakeCheck[]>();
  readonly #changed = new Map<string, number>();

  register(instance: FakeInstance, index: number): void {
    const createIndex = this.#entries.get(instance.id)?.createIndex ?? index;
    this.#entries.set(instance.id, { instance, createIndex, modifyIndex: index });
    this.#changed.set(instance.service, index);
  }

  deregister(id: string, index: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#changed.set(entry.instance.service, index);
  }

  find(id: string): FakeInstance {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`there is no instance ${id}`);
    return entry.instance;
  }

  setNodeChecks(node: string, checks: readonly FakeCheck[], index: number): void {
    this.#nodeChecks.set(node, checks);
    for (const { instance } of this.#entries.values())
      if (nodeOf(instance) === node) this.#changed.set(instance.service, index);
  }

  clear(): void {
    this.#entries.clear();
    this.#nodeChecks.clear();
    this.#changed.clear();
  }

  /** When something of this service changed last; 0 = it never was there. */
  indexOf(service: string): number {
    return this.#changed.get(service) ?? 0;
  }

  /** The entries of a service as the health endpoint shows them. */
  health(service: string, query: URLSearchParams): Record<string, unknown>[] {
    const tags = query.getAll("tag");
    const meets = parseFilter(query.get("filter") ?? "");
    return [...this.#entries.values()]
      .filter(({ instance }) => instance.service === service && tags.every((tag) => tagsOf(instance).includes(tag)))
      .filter(({ instance }) => meets(instance))
      .filter(
        ({ instance }) => !query.has("passing") || this.#checksOf(instance).every((one) => one.status === "passing"),
      )
      .sort((one, other) => nearness(query, one) - nearness(query, other))
      .map((entry) => this.#toJson(entry));
  }

  #checksOf(instance: FakeInstance): FakeCheck[] {
    const ofNode = this.#nodeChecks.get(nodeOf(instance)) ?? [serfHealth];
    return [...(instance.checks ?? []), ...ofNode];
  }

  #toJson({ instance, createIndex, modifyIndex }: Entry): Record<string, unknown> {
    const node = nodeOf(instance);
    const ofService = new Set(instance.checks);
    return {
      Node: {
        ID: `id-of-${node}`,
        Node: node,
        Address: instance.nodeAddress ?? "127.0.0.1",
        Datacenter: "dc1",
        TaggedAddresses: { lan: instance.nodeAddress ?? "127.0.0.1" },
        Meta: { "consul-network-segment": "" },
        CreateIndex: 5,
        ModifyIndex: 6,
      },
      Service: {
        ID: instance.id,
        Service: instance.service,
        Tags: tagsOf(instance),
        Address: instance.address ?? "",
        Meta: instance.meta ?? {},
        Port: instance.port,
        ...(instance.socketPath !== undefined && { SocketPath: instance.socketPath }),
        ...(instance.weights !== null && { Weights: instance.weights ?? { Passing: 1, Warning: 1 } }),
        ...(instance.zone !== undefined && { Locality: { Region: "here", Zone: instance.zone } }),
        EnableTagOverride: false,
        CreateIndex: createIndex,
        ModifyIndex: modifyIndex,
      },
      Checks: this.#checksOf(instance).map((check) => ({
        Node: node,
        CheckID: check.id,
        Name: check.name,
        Status: check.status,
        Notes: "",
        Output: check.output ?? "",
        ServiceID: ofService.has(check) ? instance.id : "",
        ServiceName: ofService.has(check) ? instance.service : "",
        ServiceTags: [],
        Type: "",
      })),
    };
  }
}

/** What every node has: its agent is reachable. */
export const serfHealth: FakeCheck = { id: "serfHealth", name: "Serf Health Status", status: "passing" };

/** An expression that this double does not understand, or Consul neither. */
export class FilterError extends Error {}

function nodeOf(instance: FakeInstance): string {
  return instance.node ?? "node-1";
}

function tagsOf(instance: FakeInstance): readonly string[] {
  return instance.tags ?? [];
}

function nearness(query: URLSearchParams, { instance }: Entry): number {
  const near = query.get("near") ?? "";
  return nodeOf(instance) === (near === "_agent" ? "node-1" : near) ? 0 : 1;
}

/** Of the expression language: `Service.Meta.NAME == "text"`, `"tag" in Service.Tags`, and several with `and`. */
function parseFilter(text: string): (instance: FakeInstance) => boolean {
  if (text === "") return () => true;
  const terms = text.split(" and ").map((term) => {
    const [, name, value] = /^Service\.Meta\.([\w-]+) == "([^"]*)"$/.exec(term.trim()) ?? [];
    if (name !== undefined) return (instance: FakeInstance) => (instance.meta ?? {})[name] === value;
    const [, tag] = /^"([^"]*)" in Service\.Tags$/.exec(term.trim()) ?? [];
    if (tag === undefined) throw new FilterError("Failed to create boolean expression evaluator");
    return (instance: FakeInstance) => tagsOf(instance).includes(tag);
  });
  return (instance) => terms.every((meets) => meets(instance));
}
