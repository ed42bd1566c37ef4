/**
 * What every kind of discovery must do, as one suite over all: `testDiscovery` runs it against a real server or a double
 * that a `DiscoveryDriver` steers. What a source cannot do (a file cannot stall) its driver leaves out.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../../base/scheduler.ts";
import { toLookupFunction } from "../../names/lookup-function.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { silentLogger } from "../../../observe/logger.ts";
import {
  type Discovery,
  type DiscoveryContext,
  type DiscoveryObserver,
  type DiscoverySnapshot,
  maxDiscoveredEndpoints,
} from "../discovery.ts";

/** A source under control. Each method settles when the source says it so. */
export interface DiscoveryDriver {
  /** A discovery of what this driver controls. */
  create(context: DiscoveryContext): Promise<Discovery>;
  /** The endpoint at `port` of 127.0.0.1 is there, with this weight. */
  put(port: number, weight: number): Promise<void>;
  remove(port: number): Promise<void>;
  /** The weights that `put` may be given; default: any. A source without weights gives `[1]`. */
  readonly weights?: readonly number[];
  /** A record that is no endpoint is there, beside the others; it holds the text `nonsense-secret`. */
  putNonsense?(): Promise<void>;
  /** The source cannot be reached: open connections end, new ones are refused, until `comeBack`. */
  goAway(): Promise<void>;
  /** Whatever was wrong is over. */
  comeBack(): Promise<void>;
  /** Every answer is garbage until `comeBack`. */
  talkNonsense?(): Promise<void>;
  /** Connections are taken and nothing is answered until `comeBack`. The discovery is to notice within the test's time. */
  stall?(): Promise<void>;
  /** The source forgets its history: revisions, indexes and versions begin again, with the same records. */
  goBackwards?(): Promise<void>;
  /** So many records are there, at once. */
  fillUp?(count: number): Promise<void>;
  /** How many connections or watches the source has open, for leaks; default: it is not looked at. */
  openCount?(): number;
  /** Ends the source. */
  close(): Promise<void>;
}

/** How patient a test is. */
export interface Patience {
  /** How long something is waited for that must come. */
  readonly ms: number;
}

const patient: Patience = { ms: 30_000 };

/** Hears a discovery, and waits for what it must say. */
class Listener implements DiscoveryObserver {
  readonly snapshots: DiscoverySnapshot[] = [];
  readonly failures: string[] = [];
  isClosed = false;
  afterEnd = 0;
  readonly #patience: Patience;
  #waiting: (() => void)[] = [];

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  onSnapshot(snapshot: DiscoverySnapshot): void {
    this.snapshots.push(snapshot);
    this.#heard();
  }

  onAlive(): void {
    this.#heard();
  }

  onFailure(reason: string): void {
    this.failures.push(reason);
    this.#heard();
  }

  get latest(): DiscoverySnapshot | undefined {
    return this.snapshots.at(-1);
  }

  /** `port` or `port*weight`, in order. */
  get list(): string {
    return wordsFor(this.latest?.endpoints ?? []);
  }

  async until(isSo: () => boolean, what: () => string): Promise<void> {
    const endMs = performance.now() + this.#patience.ms;
    while (!isSo()) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0)
        assert.fail(`${what()}; the list is "${this.list}", failures: ${this.failures.slice(-3).join("; ")}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
    }
  }

  untilListed(list: string): Promise<void> {
    return this.until(
      () => this.list === list && this.snapshots.length > 0,
      () => `"${list}" is to be listed`,
    );
  }

  untilFailed(count: number): Promise<void> {
    const more = this.failures.length + count;
    return this.until(
      () => this.failures.length >= more,
      () => `${count} failures are to be told`,
    );
  }

  #heard(): void {
    if (this.isClosed) this.afterEnd++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function wordsFor(endpoints: readonly ListedEndpoint[]): string {
  return endpoints
    .map(({ port, weight }) => (weight === 1 ? `${port}` : `${port}*${weight}`))
    .sort()
    .join(" ");
}

/** Notes the pauses that are asked for, so that a loop without any is seen. */
class NotingScheduler implements Scheduler {
  readonly clock = systemScheduler.clock;
  pauses = 0;

  after(delayMs: number, run: () => void): ScheduledCall {
    if (delayMs > 0) this.pauses++;
    return systemScheduler.after(delayMs, run);
  }
}

/** What a case is given. */
export interface CaseParts {
  readonly driver: DiscoveryDriver;
  readonly patience: Patience;
}

interface Following {
  readonly listener: Listener;
  readonly scheduler: NotingScheduler;
  close(): Promise<void>;
}

async function follow({ driver, patience }: CaseParts): Promise<Following> {
  const scheduler = new NotingScheduler();
  const listener = new Listener(patience);
  const discovery = await driver.create({
    upstream: "api",
    scheduler,
    random: Math.random,
    lookup: toLookupFunction({
      resolve: (host, onDone) => {
        onDone(null, [host === "localhost" ? "127.0.0.1" : host]);
        return null;
      },
    }),
    logger: silentLogger,
  });
  let isStarting = true;
  const told = (): void => assert.ok(!isStarting, "nothing is told within start");
  discovery.start({
    onSnapshot: (snapshot) => (told(), listener.onSnapshot(snapshot)),
    onAlive: () => (told(), listener.onAlive()),
    onFailure: (reason) => (told(), listener.onFailure(reason)),
  });
  isStarting = false;
  return {
    listener,
    scheduler,
    close: async () => {
      listener.isClosed = true;
      discovery.close();
      discovery.close();
      if (driver.openCount !== undefined) await untilClosed(driver, patience);
      assert.equal(listener.afterEnd, 0, "nothing is told after the end");
    },
  };
}

async function untilClosed(driver: DiscoveryDriver, { ms }: Patience): Promise<void> {
  const endMs = performance.now() + ms;
  while (driver.openCount!() > 0) {
    assert.ok(performance.now() < endMs, `${driver.openCount!()} connections are left open`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

async function failing({ driver, patience }: CaseParts, begin: () => Promise<void>): Promise<void> {
  await driver.put(7001, 1);
  await driver.put(7002, 1);
  const { listener, scheduler, close } = await follow({ driver, patience });
  await listener.untilListed("7001 7002");
  const before = listener.snapshots.length;
  await begin();
  await listener.untilFailed(1);
  const pausesBefore = scheduler.pauses;
  await listener.untilFailed(2);
  assert.ok(scheduler.pauses - pausesBefore >= 1, "there is a pause between two tries");
  for (const { endpoints } of listener.snapshots.slice(before))
    assert.equal(wordsFor(endpoints), "7001 7002", "trouble is no news about endpoints");
  for (const reason of listener.failures) {
    assert.ok(reason.length > 0 && reason.length < 1_000, "a sentence");
    assert.doesNotMatch(reason, /secret/);
  }
  await driver.comeBack();
  await driver.put(7003, 1);
  await listener.untilListed("7001 7002 7003");
  await close();
}

/** A case; `isFor` says whether the driver can play it. */
export interface DiscoveryCase {
  readonly name: string;
  readonly isFor: (driver: DiscoveryDriver) => boolean;
  readonly run: (parts: CaseParts) => Promise<void>;
}

const always = (): boolean => true;

/** The cases, in the order in which they make sense. */
export const discoveryCases: readonly DiscoveryCase[] = [
  {
    name: "endpoints that are there, come, change their weight and go are told",
    isFor: always,
    async run(parts) {
      const { driver } = parts;
      const heavy = driver.weights === undefined ? 5 : (driver.weights.find((weight) => weight > 1) ?? 1);
      const none = driver.weights === undefined || driver.weights.includes(0) ? 0 : 1;
      const word = (weight: number): string => (weight === 1 ? "" : `*${weight}`);
      await driver.put(7001, 1);
      await driver.put(7002, heavy);
      const { listener, close } = await follow(parts);
      await listener.untilListed(`7001 7002${word(heavy)}`);
      await driver.put(7003, 1);
      await listener.untilListed(`7001 7002${word(heavy)} 7003`);
      await driver.put(7001, none);
      await listener.untilListed(`7001${word(none)} 7002${word(heavy)} 7003`);
      await driver.remove(7001);
      await listener.untilListed(`7002${word(heavy)} 7003`);
      await driver.remove(7003);
      await driver.put(7001, 1);
      await listener.untilListed(`7001 7002${word(heavy)}`);
      assert.deepEqual(listener.failures, []);
      await close();
    },
  },
  {
    name: "a record that is no endpoint is left out, said without its content, and stops nothing",
    isFor: ({ putNonsense }) => putNonsense !== undefined,
    async run(parts) {
      const { driver } = parts;
      await driver.put(7001, 1);
      const { listener, close } = await follow(parts);
      await listener.untilListed("7001");
      await driver.putNonsense!();
      await driver.put(7002, 1);
      await listener.until(
        () => listener.list === "7001 7002" && (listener.latest?.refused.length ?? 0) > 0,
        () => "the record is to be refused",
      );
      for (const sentence of listener.latest!.refused) {
        assert.ok(sentence.length > 0 && sentence.length < 1_000);
        assert.doesNotMatch(sentence, /secret/);
      }
      await driver.remove(7001);
      await listener.untilListed("7002");
      await close();
    },
  },
  {
    name: "while the source is away nothing changes, and it is followed again when it is back",
    isFor: always,
    run: (parts) => failing(parts, () => parts.driver.goAway()),
  },
  {
    name: "what changed while the source was away is told when it is back",
    isFor: always,
    async run(parts) {
      const { driver } = parts;
      await driver.put(7001, 1);
      await driver.put(7002, 1);
      const { listener, close } = await follow(parts);
      await listener.untilListed("7001 7002");
      await driver.goAway();
      await listener.untilFailed(1);
      await driver.comeBack();
      await driver.remove(7001);
      await driver.put(7004, 1);
      await listener.untilListed("7002 7004");
      await close();
    },
  },
  {
    name: "a source that is away at the start is found when it comes",
    isFor: always,
    async run(parts) {
      const { driver } = parts;
      await driver.put(7001, 1);
      await driver.goAway();
      const { listener, close } = await follow(parts);
      await listener.untilFailed(1);
      assert.deepEqual(listener.snapshots, []);
      await driver.comeBack();
      await listener.untilListed("7001");
      await close();
    },
  },
  {
    name: "garbage changes nothing, is said, and is over when it is over",
    isFor: ({ talkNonsense }) => talkNonsense !== undefined,
    run: (parts) => failing(parts, () => parts.driver.talkNonsense!()),
  },
  {
    name: "a source that does not answer any more is noticed",
    isFor: ({ stall }) => stall !== undefined,
    run: (parts) => failing(parts, () => parts.driver.stall!()),
  },
  {
    name: "a source that begins again at its first revision is followed all the same",
    isFor: ({ goBackwards }) => goBackwards !== undefined,
    async run(parts) {
      const { driver } = parts;
      await driver.put(7001, 1);
      await driver.put(7002, 1);
      const { listener, close } = await follow(parts);
      await listener.untilListed("7001 7002");
      await driver.goBackwards!();
      await driver.put(7003, 1);
      await listener.untilListed("7001 7002 7003");
      await driver.remove(7001);
      await listener.untilListed("7002 7003");
      await close();
    },
  },
  {
    name: "a source with more records than may be is bounded",
    isFor: ({ fillUp }) => fillUp !== undefined,
    async run(parts) {
      const { driver } = parts;
      await driver.fillUp!(maxDiscoveredEndpoints + 500);
      const { listener, close } = await follow(parts);
      await listener.until(
        () => listener.snapshots.length > 0 || listener.failures.length > 0,
        () => "something is to be said of it",
      );
      const said = listener.latest;
      if (said !== undefined) {
        assert.ok(said.endpoints.length <= maxDiscoveredEndpoints);
        assert.ok(said.refused.length > 0, "and it is said");
        assert.ok(said.refused.length <= maxDiscoveredEndpoints + 500);
      }
      await close();
    },
  },
  {
    name: "it can be ended at any time, and nothing is left",
    isFor: always,
    async run(parts) {
      const { driver } = parts;
      await driver.put(7001, 1);
      await (await follow(parts)).close();
      const second = await follow(parts);
      await second.listener.untilListed("7001");
      await second.close();
      await driver.goAway();
      const third = await follow(parts);
      await third.listener.untilFailed(1);
      await third.close();
    },
  },
];

/** Runs the suite on the kind called `name`. @param open a source that is empty */
export function testDiscovery(name: string, open: (t: TestContext) => Promise<DiscoveryDriver>): void {
  for (const { name: what, isFor, run } of discoveryCases)
    test(`${name}: ${what}`, async (t) => {
      // What a discovery waits for does not keep the process alive.
      const keeper = setInterval(() => {}, 1_000);
      const driver = await open(t);
      try {
        if (isFor(driver)) await run({ driver, patience: patient });
        else t.skip("this source cannot do that");
      } finally {
        clearInterval(keeper);
        await driver.close();
      }
    });
}
