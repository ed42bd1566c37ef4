/** A source in memory with a discovery of it, for the suite itself: it may have defects, which the suite must find. */
import { parseEndpointAddress } from "../../endpoint-address.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { type Discovery, type DiscoveryContext, type DiscoveryObserver, maxDiscoveredEndpoints } from "../discovery.ts";
import type { DiscoveryDriver } from "./conformance.ts";

/** What may be wrong with it. */
export const defects = [
  "tells within start",
  "takes trouble for an empty list",
  "does not tell failures",
  "does not come back",
  "tries again without a pause",
  "one bad record discards all",
  "shows secrets",
  "ignores weights",
  "ignores removals",
  "tells after the end",
  "leaves something open",
  "has no limit",
  "stays with its revision",
] as const;
/** One of them. */
export type Defect = (typeof defects)[number];

/** A source in memory. */
export class MemoryDriver implements DiscoveryDriver {
  readonly records = new Map<number, number>();
  readonly followers = new Set<MemoryDiscovery>();
  readonly defect: Defect | null;
  hasNonsense = false;
  trouble: "away" | "nonsense" | "silent" | null = null;
  revision = 1_000;
  open = 0;

  constructor(defect: Defect | null = null) {
    this.defect = defect;
  }

  create(context: DiscoveryContext): Promise<Discovery> {
    return Promise.resolve(new MemoryDiscovery(this, context));
  }

  put(port: number, weight: number): Promise<void> {
    return this.#change(() => void this.records.set(port, weight));
  }

  remove(port: number): Promise<void> {
    return this.#change(() => void this.records.delete(port));
  }

  putNonsense(): Promise<void> {
    return this.#change(() => void (this.hasNonsense = true));
  }

  goAway(): Promise<void> {
    return this.#change(() => void (this.trouble = "away"));
  }

  talkNonsense(): Promise<void> {
    return this.#change(() => void (this.trouble = "nonsense"));
  }

  stall(): Promise<void> {
    return this.#change(() => void (this.trouble = "silent"));
  }

  comeBack(): Promise<void> {
    return this.#change(() => void (this.trouble = null));
  }

  goBackwards(): Promise<void> {
    return this.#change(() => void (this.revision = 0));
  }

  fillUp(count: number): Promise<void> {
    return this.#change(() => {
      for (let at = 0; at < count; at++) this.records.set(10_000 + at, 1);
    });
  }

  openCount(): number {
    return this.open;
  }

  close(): Promise<void> {
    for (const follower of this.followers) follower.close();
    return Promise.resolve();
  }

  #change(make: () => void): Promise<void> {
    make();
    this.revision++;
    for (const follower of this.followers) follower.look();
    return Promise.resolve();
  }
}

class MemoryDiscovery implements Discovery {
  readonly #driver: MemoryDriver;
  readonly #context: DiscoveryContext;
  #observer: DiscoveryObserver | null = null;
  #revision = 0;
  #isClosed = false;
  #isRetrying = false;
  #tries = 0;

  constructor(driver: MemoryDriver, context: DiscoveryContext) {
    this.#driver = driver;
    this.#context = context;
  }

  start(observer: DiscoveryObserver): void {
    this.#observer = observer;
    this.#driver.open++;
    this.#driver.followers.add(this);
    if (this.#driver.defect === "tells within start") this.#ask();
    else this.look();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { defect, followers } = this.#driver;
    if (defect !== "leaves something open") this.#driver.open--;
    followers.delete(this);
    if (defect === "tells after the end") this.#observer?.onAlive();
  }

  look(): void {
    setImmediate(() => {
      if (!this.#isClosed && !this.#isRetrying) this.#ask();
    });
  }

  #ask(): void {
    const { trouble, defect, revision } = this.#driver;
    if (trouble !== null) return this.#fail(trouble);
    if (defect === "stays with its revision" && revision < this.#revision) return;
    this.#revision = revision;
    this.#tell();
  }

  #tell(): void {
    const { records, hasNonsense, defect } = this.#driver;
    const { endpoints } = this.#observer === null ? { endpoints: [] } : this.#read(records);
    const isDiscarded = hasNonsense && defect === "one bad record discards all";
    const refused = hasNonsense ? [defect === "shows secrets" ? "nonsense-secret" : "a record is no endpoint"] : [];
    const isTooMuch = endpoints.length > maxDiscoveredEndpoints && defect !== "has no limit";
    if (isTooMuch) refused.push("there are too many");
    this.#observer!.onSnapshot({
      endpoints: isDiscarded ? [] : isTooMuch ? endpoints.slice(0, maxDiscoveredEndpoints) : endpoints,
      refused,
      version: String(this.#driver.revision),
      isCertain: false,
    });
  }

  readonly #seen = new Map<number, number>();

  #read(records: ReadonlyMap<number, number>): { endpoints: ListedEndpoint[] } {
    const { defect } = this.#driver;
    if (defect !== "ignores removals") this.#seen.clear();
    for (const [port, weight] of records) this.#seen.set(port, defect === "ignores weights" ? 1 : weight);
    const endpoints = [...this.#seen].map(([port, weight]) => ({
      ...parseEndpointAddress(`http://127.0.0.1:${port}`),
      weight,
      backup: false,
      zone: null,
      identity: null,
    }));
    return { endpoints };
  }

  #fail(trouble: string): void {
    const { defect } = this.#driver;
    const observer = this.#observer!;
    if (defect === "takes trouble for an empty list")
      observer.onSnapshot({ endpoints: [], refused: [], version: null, isCertain: false });
    if (defect !== "does not tell failures") observer.onFailure(`the source is ${trouble}`);
    if (defect === "does not come back") return void (this.#isRetrying = true);
    this.#isRetrying = true;
    const again = (): void => {
      this.#isRetrying = false;
      if (!this.#isClosed) this.#ask();
    };
    if (defect === "tries again without a pause" && this.#tries++ < 1_000) setImmediate(again);
    else this.#context.scheduler.after(1, again);
  }
}
