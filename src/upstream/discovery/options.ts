/**
 * The options of `discovery`: one section for each kind, and what holds for all kinds. Schema and documentation; the
 * normal form is `DiscoveryOptions`.
 */
import * as z from "zod";
import { addProblem, documented, duration, maybe, section, sectionCheck } from "../../base/option-schema.ts";
import { consulDiscoverySchema } from "./consul/options.ts";
import { dnsDiscoverySchema } from "./dns/options.ts";
import { etcdDiscoverySchema } from "./etcd/options.ts";
import { dockerDiscoverySchema } from "./docker/options.ts";
import { fileDiscoverySchema } from "./file/options.ts";
import { httpDiscoverySchema } from "./http/options.ts";
import { kubernetesDiscoverySchema } from "./kubernetes/options.ts";

/** The kinds that the user interface has. */
const kindKeys = ["etcd", "consul", "dns", "file", "http", "docker", "kubernetes"];

/** A section for each kind that this version has: `etcd: documented(maybe(etcdDiscoverySchema), { about: "…" })`. */
const kindShape = {
  etcd: documented(maybe(etcdDiscoverySchema), {
    defaultText: "none",
    about: "Endpoints are keys of an etcd cluster, and go with the leases of their processes.",
  }),
  consul: documented(maybe(consulDiscoverySchema), {
    defaultText: "none",
    about: "The instances of a service in Consul.",
  }),
  dns: documented(maybe(dnsDiscoverySchema), {
    kind: "section",
    defaultText: "none",
    about: "Endpoints are the addresses of a name, or the hosts of a service, and follow them.",
  }),
  file: documented(maybe(fileDiscoverySchema), {
    kind: "path",
    defaultText: "none",
    about: "Endpoints are read from a file, and again whenever it changes.",
  }),
  http: documented(maybe(httpDiscoverySchema), {
    kind: "section",
    defaultText: "none",
    about: "Endpoints are asked of a URL, which answers with a list in JSON.",
  }),
  docker: documented(maybe(dockerDiscoverySchema), {
    kind: "section",
    defaultText: "none",
    about: "The containers of a Docker engine, by their labels.",
  }),
  kubernetes: documented(maybe(kubernetesDiscoverySchema), {
    kind: "section",
    defaultText: "none",
    about: "Endpoints are the pods behind a Service of Kubernetes, as its EndpointSlices list them.",
  }),
};

/** The keys that hold for all kinds. */
const commonKeys = ["hold", "startTimeout", "lastGood"];

const availableKeys: readonly string[] = Object.keys(kindShape);

/** The schema of `discovery`. */
export const discoverySchema = section(
  {
    ...kindShape,
    hold: duration("30s", {
      about:
        "How long an answer that leaves no endpoint, or less than half of them, is held back before it is believed, unless the source is certain of it: such answers come while a service restarts, loses its leader or its permissions. Endpoints that come are taken at once, and an answer that has them again ends it.",
      zero: "every answer is believed at once",
    }),
    startTimeout: duration("2s", {
      about:
        "How long a start or a reload waits for the first list. After it, requests are served by the last good list, or, if there is none, answered with 503 until the source has answered.",
      zero: "it does not wait",
    }),
    lastGood: documented(
      z
        .union([z.literal(false), z.string().min(1)])
        .optional()
        .transform((value) => value ?? null),
      {
        kind: "path or `false`",
        defaultText: "`discovery` in the state directory",
        about:
          "The folder in which the last good list is kept for the next start. It is a hint for while the source does not answer: what the source says always takes its place. The state directory is `$STATE_DIRECTORY` (systemd), else `~/.local/share/millrace`. `false`: it is not kept.",
      },
    ),
  },
  kindKeys.filter((key) => !availableKeys.includes(key)),
).check(
  sectionCheck((written: Readonly<Record<string, unknown>>, context) => {
    const kinds = kindKeys.filter((key) => written[key] !== undefined && written[key] !== null);
    // Of an unknown key it is said what was meant.
    const areKnown = Object.keys(written).every((key) => kindKeys.includes(key) || commonKeys.includes(key));
    if (kinds.length === 0 && areKnown) addProblem(context, `discovery needs one of ${kindKeys.join(", ")}`);
    if (kinds.length > 1)
      addProblem(
        context,
        `the endpoints of an upstream come from one source; this has ${kinds.join(" and ")}`,
        { atKey: true },
        [kinds[1]!],
      );
  }),
);

/** `discovery` in normal form: one of the kinds is not null. */
export type DiscoveryOptions = z.output<typeof discoverySchema>;
