/** A discovery that a test speaks through, and what is around one. */
import { ManualScheduler } from "../../../base/scheduler.ts";
import type { LogFields, Logger } from "../../../observe/logger.ts";
import { silentWarnings } from "../../../observe/repeated-warning.ts";
import { parseEndpointAddress } from "../../endpoint-address.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { DiscoveredEndpoints, type DiscoveredEndpointsParts } from "../discovered-endpoints.ts";
import type { Discovery, DiscoveryObserver, DiscoverySnapshot } from "../discovery.ts";
import type { KeptList, LastGood } from "../last-good-file.ts";

/** The endpoint `http://10.0.0.<last>:80`, in words or with more to say. */
export function endpoint(last: number, more: Partial<ListedEndpoint> = {}): ListedEndpoint {
  const address = parseEndpointAddress(`http://10.0.0.${last}:80`);
  return { ...address, weight: 1, backup: false, zone: null, identity: null, ...more };
}

/** A list of such endpoints. */
export const endpoints = (...last: number[]): ListedEndpoint[] => last.map((one) => endpoint(one));

/** Tells what it is told. */
export class ToldDiscovery implements Discovery {
  observer: DiscoveryObserver | null = null;
  isClosed = false;

  start(observer: DiscoveryObserver): void {
    this.observer = observer;
  }

  tell(list: readonly ListedEndpoint[], more: Partial<DiscoverySnapshot> = {}): void {
    this.observer!.onSnapshot({ endpoints: list, refused: [], version: null, isCertain: false, ...more });
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Keeps in memory. */
export class KeptInMemory implements LastGood {
  readonly noted: (readonly ListedEndpoint[])[] = [];
  readonly #kept: KeptList | null;

  constructor(kept: KeptList | null) {
    this.#kept = kept;
  }

  read(): Promise<KeptList | null> {
    return Promise.resolve(this.#kept);
  }

  note(list: readonly ListedEndpoint[]): void {
    this.noted.push(list);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Running {
  /** Does it belong to the running configuration from the start on? Default: yes; else `run` brings it there. */
  readonly isRunning?: boolean;
}

/** Discovered endpoints over a told discovery, with a clock that stands still. */
export function setUpDiscovered({ isRunning = true, ...parts }: Partial<DiscoveredEndpointsParts> & Running = {}) {
  const scheduler = new ManualScheduler();
  const discovery = new ToldDiscovery();
  const lines: { readonly message: string; readonly fields: LogFields }[] = [];
  const log = (message: string, fields: LogFields = {}): void => void lines.push({ message, fields });
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const source = new DiscoveredEndpoints({
    upstream: "api",
    written: [],
    discovery,
    kind: "told",
    description: "told by a test",
    holdMs: 30_000,
    startTimeoutMs: 2_000,
    lastGood: null,
    refuse: () => null,
    scheduler,
    logger,
    warnings: { ...silentWarnings, warn: ({ message, fields }) => log(message, fields) },
    ...parts,
  });
  let changes = 0;
  const run = (): void => source.watch(() => changes++);
  if (isRunning) run();
  return {
    scheduler,
    discovery,
    source,
    run,
    lines,
    changes: () => changes,
    /** The last numbers of the addresses that are in the list. */
    listed: () => source.endpoints.map(({ host }) => Number(host?.split(".")[3])),
  };
}
