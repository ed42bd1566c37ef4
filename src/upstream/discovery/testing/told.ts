/** What unit tests of one kind of discovery are made of: a context, and an observer that writes down what it is told. */
import { lookup } from "node:dns";
import { systemScheduler } from "../../../base/scheduler.ts";
import { silentLogger } from "../../../observe/logger.ts";
import type { DiscoveryContext, DiscoveryObserver, DiscoverySnapshot } from "../discovery.ts";

/** The context of an upstream `api`, with the machine's time. */
export function discoveryContext(parts: Partial<DiscoveryContext> = {}): DiscoveryContext {
  return {
    upstream: "api",
    scheduler: systemScheduler,
    random: Math.random,
    lookup,
    logger: silentLogger,
    ...parts,
  };
}

/** What a discovery has told, as words: `a,b` a list, `?a` an uncertain one, `! …` a failure, `.` alive. */
export class Told implements DiscoveryObserver {
  readonly words: string[] = [];
  readonly snapshots: DiscoverySnapshot[] = [];
  #waiting: { readonly isMet: (word: string) => boolean; readonly resolve: (word: string) => void }[] = [];

  onSnapshot(snapshot: DiscoverySnapshot): void {
    this.snapshots.push(snapshot);
    const names = snapshot.endpoints.map(({ host, socketPath }) => host ?? socketPath).join();
    this.#tell(`${snapshot.isCertain ? "" : "?"}${names}`);
  }

  onAlive(): void {
    this.#tell(".");
  }

  onFailure(reason: string): void {
    this.#tell(`! ${reason}`);
  }

  /** The next word that fits. */
  next(pattern: RegExp): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.push({ isMet: (word) => pattern.test(word), resolve });
    return promise;
  }

  #tell(word: string): void {
    this.words.push(word);
    const met = this.#waiting.filter(({ isMet }) => isMet(word));
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve(word);
  }
}
