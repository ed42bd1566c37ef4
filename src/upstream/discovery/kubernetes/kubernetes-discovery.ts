/** The endpoints of a Service of Kubernetes: what its EndpointSlices say, followed as they change. */
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import { toApiError } from "./api-server.ts";
import { type Cluster, findCluster } from "./cluster.ts";
import type { KubernetesOptions } from "./options.ts";
import { keyOf, toEndpoints } from "./slice-endpoints.ts";
import { followService } from "./shared-watches.ts";
import type { SliceState } from "./slice-watch.ts";

/**
 * How long an endpoint that is in no slice any more is kept: one that moves between slices may be in neither of them for
 * a moment, since they are written one after the other.
 */
const moveMs = 250;
/** Sentences about what was left out. */
const maxRefused = 20;

/** Follows one Service. */
export class KubernetesDiscovery implements Discovery {
  readonly #options: KubernetesOptions;
  readonly #context: DiscoveryContext;
  readonly #backOff: BackOff;
  #observer: DiscoveryObserver | null = null;
  /** Ends what it follows. */
  #leave: (() => void) | null = null;
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
    this.#leave?.();
    this.#leave = null;
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

  #follow(cluster: Cluster): void {
    this.#leave = followService(
      this.#options,
      { cluster, context: this.#context },
      {
        onSlices: (state) => this.#take(state),
        onAlive: () => this.#observer?.onAlive(),
        onFailure: (reason) => this.#observer?.onFailure(reason),
      },
    );
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
    const sentences = [...state.unreadable.map(({ why }) => why), ...refused];
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
