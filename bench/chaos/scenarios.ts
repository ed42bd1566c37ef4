/** The faults: what happens to the endpoints, one after the other, while the load runs. */
import type { Behaviour } from "./endpoint.ts";
import type { EndpointProcess } from "./endpoint-process.ts";

/** What a fault may do. */
export interface Stage {
  /** Three, well and in the rotation. */
  readonly endpoints: readonly EndpointProcess[];
  /** A fourth that is not running. */
  readonly spare: EndpointProcess;
  /** The one that the seed chose. */
  readonly victim: EndpointProcess;
  sleep(ms: number): Promise<void>;
  /** Makes these the endpoints of every proxy. */
  reload(endpoints: readonly EndpointProcess[]): Promise<void>;
}

/** A fault. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** How long it lasts, in milliseconds; `begin` has that time. */
  readonly faultMs: number;
  /** How long is watched after it has ended. */
  readonly afterMs: number;
  /** Everybody is hit: errors are expected, and must be quick and few in attempts. */
  readonly isOutage?: boolean;
  begin(stage: Stage): Promise<void>;
  end(stage: Stage): Promise<void>;
}

/** One endpoint misbehaves while its health path is well. */
function misbehaving(name: string, title: string, behaviour: Behaviour, faultMs = 5000): Scenario {
  return {
    name,
    title,
    faultMs,
    afterMs: 5000,
    begin: async ({ victim }) => victim.behave(behaviour),
    end: async ({ victim }) => victim.behave("well"),
  };
}

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [
  {
    name: "kill",
    title: "one of three killed (SIGKILL), back later",
    faultMs: 5000,
    afterMs: 6000,
    begin: ({ victim }) => victim.kill(),
    end: ({ victim }) => victim.start(),
  },
  {
    name: "freeze",
    title: "one of three frozen (SIGSTOP)",
    faultMs: 14_000,
    afterMs: 5000,
    begin: async ({ victim }) => victim.freeze(),
    end: async ({ victim }) => victim.thaw(),
  },
  misbehaving("slow", "one of three answers after 400 ms", "slow"),
  misbehaving("500", "one of three answers 500", "500"),
  misbehaving("reset", "one of three resets instead of answering", "reset"),
  misbehaving("truncate", "one of three resets in the middle of each body", "truncate"),
  {
    name: "reboot",
    title: "each of three killed and back after 1.5 s, in turn",
    faultMs: 9000,
    afterMs: 5000,
    async begin({ endpoints, sleep }) {
      for (const endpoint of endpoints) {
        await endpoint.kill();
        await sleep(1500);
        await endpoint.start();
        await sleep(1000);
      }
    },
    end: () => Promise.resolve(),
  },
  {
    name: "reload",
    title: "one added, one removed by reload, the removed one killed",
    faultMs: 6000,
    afterMs: 3000,
    async begin({ endpoints, spare, victim, reload, sleep }) {
      await spare.start();
      await reload([...endpoints, spare]);
      await sleep(1500);
      await reload([...endpoints.filter((endpoint) => endpoint !== victim), spare]);
      // Long enough for every proxy to take it over and for what is under way to end.
      await sleep(1500);
      await victim.kill();
    },
    async end({ endpoints, spare, victim, reload, sleep }) {
      await victim.start();
      await reload(endpoints);
      await sleep(1500);
      await spare.kill();
    },
  },
  {
    name: "outage",
    title: "all three killed, back later",
    faultMs: 6000,
    afterMs: 10_000,
    isOutage: true,
    begin: async ({ endpoints }) => void (await Promise.all(endpoints.map((endpoint) => endpoint.kill()))),
    end: async ({ endpoints }) => void (await Promise.all(endpoints.map((endpoint) => endpoint.start()))),
  },
  {
    name: "503",
    title: "all three answer 503",
    faultMs: 6000,
    afterMs: 10_000,
    isOutage: true,
    begin: async ({ endpoints }) => {
      for (const endpoint of endpoints) endpoint.behave("503");
    },
    end: async ({ endpoints }) => {
      for (const endpoint of endpoints) endpoint.behave("well");
    },
  },
];
