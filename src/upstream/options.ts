/** The options of an upstream. Schema and documentation; the normal form is `UpstreamOptions`. */
import * as z from "zod";
import {
  addProblem,
  choice,
  count,
  documented,
  duration,
  maybe,
  nameSchema,
  parsedBy,
  percent,
  section,
  sectionCheck,
  switchable,
  switchedOff,
} from "../base/option-schema.ts";
import { balanceSchema } from "./balance-options.ts";
import { type EndpointAddress, parseEndpointAddress, usesTls } from "./endpoint-address.ts";
import { maxWeight } from "./endpoint.ts";
import { discoverySchema } from "./discovery/options.ts";
import { breakerSchema } from "./breaker-options.ts";
import { healthSchema } from "./health-options.ts";
import { limitsSchema } from "./limits-options.ts";
import { outlierSchema } from "./outlier-options.ts";
import { hedgeSchema, retrySchema } from "./retry-options.ts";
import { stickySchema } from "./sticky-options.ts";
import { endpointTlsSchema } from "./tls-options.ts";

const endpointUrlSchema = z.string().transform(parsedBy(parseEndpointAddress));

const endpointSectionSchema = section({
  url: documented(endpointUrlSchema, {
    kind: "URL",
    about:
      "`http://host:port`, `https://host:port` (TLS, see `tls`), `unix:/path`, or `tcp://host:port` and `udp://host:port` for routes of listeners with that `mode`. Names are resolved as the machine does (hosts file, search list), all their addresses serve in turn, and changes are followed.",
  }),
  weight: count(
    1,
    { about: "The share of the traffic, relative to the other endpoints.", zero: "no new traffic" },
    { min: 0, max: maxWeight },
  ),
  backup: documented(z.boolean().prefault(false), { about: "Used only while no other endpoint is available." }),
  zone: documented(maybe(nameSchema), {
    kind: "name",
    defaultText: "none",
    about: "Where it is: a data centre or availability zone. An instance whose own `zone` is the same prefers it.",
  }),
});

const endpointSchema = z
  .union([endpointUrlSchema, endpointSectionSchema])
  .transform((value): EndpointAddress & EndpointMeaning =>
    "weight" in value
      ? { ...value.url, weight: value.weight, backup: value.backup, zone: value.zone, identity: null }
      : { ...value, weight: 1, backup: false, zone: null, identity: null },
  );

/** What is said of an endpoint besides its address. */
export interface EndpointMeaning {
  readonly weight: number;
  readonly backup: boolean;
  readonly zone: string | null;
  /**
   * What tells it from another at the same address (a container, a pod): with another identity it is another endpoint, of
   * which nothing is known. Null for those in the configuration.
   */
  readonly identity: string | null;
}

/** What nobody has written, told from a list that is written and empty. */
const noEndpoints = Object.freeze([]) as unknown as z.output<typeof endpointSchema>[];

/** What is said of an upstream that has neither. */
export const noEndpointsMessage = 'an upstream needs "endpoints" or "discovery"';

/** The schema of an upstream. */
export const upstreamSchema = section(
  {
    endpoints: documented(
      z
        .array(endpointSchema)
        .min(1)
        .optional()
        .transform((value) => value ?? noEndpoints),
      {
        kind: "list of endpoints",
        defaultText: "none, if there is `discovery`",
        about:
          "The addresses that serve this upstream: URLs, or sections if an endpoint has more to say. Beside `discovery` they are part of the list, whatever it finds.",
      },
    ),
    discovery: documented(maybe(discoverySchema), {
      kind: "section",
      defaultText: "none",
      about:
        "Where endpoints are found while the proxy runs: they come, change their weight and go without a reload. See the guide on discovery.",
    }),
    balance: documented(balanceSchema.prefault("round-robin"), {
      kind: "name or section",
      about:
        "How an endpoint is picked. `round-robin`: in turn, smoothly by weight; `least-connections`: the fewest requests in flight by weight; `random`: by weight; `power-of-two`: the less loaded of two random ones; `peak-ewma`: the one of two random ones that promises the earlier answer, by latency and load; `ip-hash`: the same client address gets the same endpoint; `{ ringHash: ... }` and `{ maglev: ... }`: the same key gets the same endpoint.",
    }),
    sticky: documented(switchedOff(stickySchema), {
      defaultText: "off",
      about:
        "Sticky sessions: a client goes back to the endpoint that has served it. One that drains or has weight 0 keeps its clients and gets no new ones; from one that is gone or fails, clients move to another for good.",
    }),
    slowStart: duration("0s", {
      about:
        "How long an endpoint that becomes healthy again, is enabled or is added by a reload takes from a tenth of its weight to all of it. Not at the start of the proxy, not if all are new, and not with a hash.",
      zero: "full weight at once",
    }),
    panicThreshold: percent("50%", {
      about:
        "Panic: if fewer of the endpoints pass their checks than this, all that answer them at all are used, so that the few that are left are not overrun and a broken check stops nobody. Drained endpoints stay out of it, and upstreams of fewer than four endpoints never panic.",
      zero: "never",
    }),
    zoneThreshold: percent("70%", {
      about:
        "Requests stay in this instance's `zone` while at least this part of the endpoints there (by weight) is available; else all zones share them.",
      zero: "while one is",
    }),
    health: documented(switchable(healthSchema), {
      defaultText: "off",
      about:
        "Active health checks. `{}` switches them on with their defaults; without this section endpoints are always taken for healthy.",
    }),
    outlier: outlierSchema,
    breaker: documented(switchable(breakerSchema), {
      defaultText: "off",
      about:
        "Circuit breaker: when too large a share of the attempts fails, requests are refused at once for a while (503 with `Retry-After`), then let through again bit by bit. There are no retries while it is not closed.",
    }),
    retry: documented(retrySchema.prefault({}), {
      about:
        "Retries, each on another endpoint after a short random pause. A request that died on a *reused* connection before any byte of the answer is sent again in any case if that is harmless.",
    }),
    limits: documented(limitsSchema.prefault({}), {
      about: "How many requests the upstream is given at a time. What is too much waits in a queue, for a while.",
    }),
    hedge: documented(switchable(hedgeSchema), {
      defaultText: "off",
      about:
        "Hedging: if an answer is slow to come, another endpoint is asked as well, and the first answer is taken. Only GET, HEAD and OPTIONS without a body, once for each request, out of the retry budget.",
    }),
    pool: documented(
      section({
        maxIdle: count(
          128,
          {
            about: "The most idle connections kept for each endpoint and thread.",
            zero: "every connection is closed after one answer",
          },
          { min: 0, max: 100_000 },
        ),
        idleTimeout: duration("60s", {
          about: "How long an idle connection is kept. An endpoint's `Keep-Alive: timeout` shortens it.",
        }),
        pipelining: count(
          1,
          {
            about:
              "The most requests (GET without a body) in flight on one connection. Above 1, requests share connections and system calls: fastest for many small answers.",
            danger:
              "one slow answer holds up those behind it, and answers are told apart by their order alone: an endpoint that sends one answer too many or too few" +
              " shifts those behind it to the wrong clients. Only for endpoints that are known to implement pipelining correctly.",
          },
          { min: 1, max: 1_000 },
        ),
      }).prefault({}),
      { about: "The connections kept open to each endpoint." },
    ),
    timeouts: documented(
      section({
        connect: duration("3s", {
          about:
            "How long a connection may take to come about, from the look-up of the name on, whatever the number of addresses.",
        }),
        firstByte: duration("60s", {
          about:
            "How long an endpoint may take for the first byte of its answer once it has the request; 504 after it. An interim answer (1xx) starts it again, for an hour at most.",
          zero: "no limit",
        }),
        idle: duration("60s", {
          about:
            "The longest pause in an answer; every byte starts it again. Event streams (`text/event-stream`), gRPC and tunnels are given an hour in any case; a tunnel of which one side has ended is not.",
          zero: "no limit",
        }),
      }).prefault({}),
      { about: "How long endpoints may take." },
    ),
    lenient: documented(z.boolean().prefault(false), {
      about:
        "Take answers that are malformed, from endpoints that cannot be mended: chunked in HTTP/1.0, line feeds alone as line ends, folded lines, control characters in values and reason phrases. Clients are sent them in strict form; requests of clients are never read so. See the guide on endpoint failures.",
      danger:
        "if this proxy and something in front of the endpoint read such an answer differently, one client may get what is meant for another, or fields that somebody smuggled in. Connections are not used again after such an answer.",
    }),
    via: documented(z.boolean().prefault(true), {
      about:
        "Adds the proxy to the `Via` field of requests. nginx as an endpoint does not compress for requests that have one (`gzip_proxied off`): `false` leaves it as it came, and `headers.request.remove: [via]` takes it" +
        " away altogether. Loops are answered with 508 all the same: the proxy's name then stands in `CDN-Loop` (RFC 8586).",
    }),
    proxyProtocol: documented(maybe(choice(["v1", "v2"])), {
      defaultText: "none",
      about:
        "The version of the PROXY header that is sent first on each connection, and tells the endpoint the address of the client. Then a connection serves one client connection alone, and checks say that they are for nobody (`LOCAL`, `UNKNOWN`).",
      danger: "an endpoint that expects no such header takes it for a malformed request.",
    }),
    protocol: documented(choice(["http1"], ["h2", "h2c", "auto"]).prefault("http1"), {
      about: "What is spoken to the endpoints.",
    }),
    tls: documented(maybe(endpointTlsSchema), {
      kind: "section",
      defaultText: "verified, by the authorities that Node.js trusts",
      about:
        "TLS to the endpoints whose URL is `https://`. The files that it names are watched: when one changes, new connections are made with what it holds then.",
    }),
  },
  ["host", "waitForEndpoint"],
).check(
  sectionCheck(
    (
      upstream: {
        endpoints?: unknown;
        discovery?: unknown;
        hedge?: unknown;
        sticky?: unknown;
        pool?: unknown;
        proxyProtocol?: unknown;
        tls?: unknown;
      },
      context,
    ) => {
      const { hedge, sticky, tls } = upstream;
      if (
        typeof hedge === "object" &&
        hedge !== null &&
        typeof sticky === "object" &&
        sticky !== null &&
        "cookie" in sticky
      ) {
        addProblem(
          context,
          "hedging and sticky cookies do not go together: an answer from another endpoint would take the client there",
          {},
          ["hedge"],
        );
      }
      const { pool, proxyProtocol } = upstream;
      const pipelining = (pool as { pipelining?: unknown } | null | undefined)?.pipelining;
      if (typeof proxyProtocol === "string" && typeof pipelining === "number" && pipelining > 1) {
        addProblem(
          context,
          "requests of several clients cannot share connections that a PROXY header gives to one client each",
          {},
          ["pool", "pipelining"],
        );
      }
      const isDiscovered = upstream.discovery !== undefined && upstream.discovery !== null;
      if (upstream.endpoints === noEndpoints && !isDiscovered) addProblem(context, noEndpointsMessage);
      if (!Array.isArray(upstream.endpoints)) return;
      const urls = (upstream.endpoints as ({ url?: unknown } | undefined)[]).map((endpoint) => endpoint?.url);
      if (
        typeof tls === "object" &&
        tls !== null &&
        !isDiscovered &&
        !urls.some((url) => typeof url !== "string" || usesTls(url))
      )
        addProblem(
          context,
          'no endpoint speaks TLS: all are reached in clear text; write their URLs as "https://..."',
          {},
          ["tls"],
        );
      const seen = new Set<string>();
      upstream.endpoints.forEach((endpoint: { url?: unknown } | undefined, at) => {
        const url = endpoint?.url;
        if (typeof url !== "string") return;
        if (seen.has(url))
          addProblem(context, `the endpoint ${url} is listed twice; give one of them a higher weight instead`, {}, [
            "endpoints",
            at,
          ]);
        seen.add(url);
      });
    },
  ),
);

/** An upstream in normal form: all defaults filled in, durations in milliseconds. Its name is its key. */
export type UpstreamOptions = z.output<typeof upstreamSchema>;
