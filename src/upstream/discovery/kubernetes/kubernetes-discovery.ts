/** The endpoints of a Service of Kubernetes: what its EndpointSlices say, followed as they change. */
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import { createRemoteHttp, type RemoteHttp } from "../../../remote/http-client.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import { ApiServer, toApiError } from "./api-server.ts";
import { type Cluster, findCluster } from "./cluster.ts";
import { serviceLabel } from "./endpoint-slice.ts";
import type { KubernetesOptions } from "./options.ts";
import { keyOf, toEndpoints } from "./slice-endpoints.ts";
import { type SliceState, SliceWatch } from "./slice-watch.ts";

/**
 * How long an endpoint that is in no slice any more is kept: one that moves between slices may be in neither of them for
 * a moment, since they are written one after the other.
 */
const moveMs = 250;
/** Sentences about what was left out. */
const maxRefused = 20;
const maxAnswerBytes = 16 * 1024 * 1024;

/** Follows one Service. */
export class KubernetesDiscovery implements Discovery {
  readonly #options: KubernetesOptions;
  readonly #context: DiscoveryContext;
  readonly #backOff: BackOff;
  #observer: DiscoveryObserver | null = null;
  #http: RemoteHttp | null = null;
  #watch: SliceWatch | null = null;
  #pause: ScheduledCall | null = null;
  #told: readonly ListedEndpoint[] = [];
  #latest: SliceState | null = null;

  constructor(options: KubernetesOptions, context: DiscoveryContext) {
    this.#options = options;
    this.#context = context;
    this.#backOff = new BackOff({ longestMs: 10_000, random: context.random });
  }

  start(observer: DiscoveryObserver): void {
    this.#observer = observer;
    void this.#open();
  }

  close(): void {
    this.#observer = null;
    this.#pause?.cancel();
    this.#watch?.close();
    this.#http?.close();
  }

  /** Finds the cluster, again and again if need be: the files of a pod may come after its programs. */
  async #open(): Promise<void> {
    const { scheduler } = this.#context;
    try {
      const cluster = await findCluster(this.#options, scheduler.clock);
      if (this.#observer !== null) this.#follow(cluster);
    } catch (error) {
      this.#observer?.onFailure(toApiError(error).message);
      if (this.#observer !== null) this.#pause = scheduler.after(this.#backOff.next(), () => void this.#open());
    }
  }

  #follow({ url, token, tls, namespace }: Cluster): void {
    const { scheduler, random, lookup } = this.#context;
    const { service, labelSelector } = this.#options;
    this.#http = createRemoteHttp({ tls, lookup, scheduler, maxBodyBytes: maxAnswerBytes });
    this.#watch = new SliceWatch({
      server: new ApiServer({ http: this.#http, url, token }),
      namespace,
      labelSelector: `${serviceLabel}=${service}${labelSelector === null ? "" : `,${labelSelector}`}`,
      scheduler,
      random,
    });
    this.#watch.start({
      onSlices: (state) => this.#take(state),
      onAlive: () => this.#observer?.onAlive(),
      onFailure: (reason) => this.#observer?.onFailure(reason),
    });
  }

  #take(state: SliceState): void {
    this.#latest = state;
    const { present } = toEndpoints(state.slices.values(), this.#options);
    const isMissing = this.#told.some((endpoint) => !present.has(keyOf(endpoint)));
    if (!isMissing) {
      this.#pause?.cancel();
      this.#pause = null;
      this.#tell(state);
    } else this.#pause ??= this.#context.scheduler.after(moveMs, () => this.#tellLatest());
  }

  #tellLatest(): void {
    this.#pause = null;
    if (this.#latest !== null) this.#tell(this.#latest);
  }

  #tell(state: SliceState): void {
    const { endpoints, refused } = toEndpoints(state.slices.values(), this.#options);
    const sentences = [...state.unreadable, ...refused];
    this.#told = endpoints;
    this.#observer?.onSnapshot({
      endpoints,
      refused: sentences.slice(0, maxRefused),
      version: state.version,
      // A Service without pods has a slice that is empty. No slice at all is what a Service looks like that was deleted
      // by mistake, or that somebody makes anew.
      isCertain: state.slices.size > 0 && sentences.length === 0 && !state.isSetBack,
    });
  }
}
