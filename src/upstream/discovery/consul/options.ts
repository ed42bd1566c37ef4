/** The options of discovery by Consul. Schema and documentation; the normal form is `ConsulDiscoveryOptions`. */
import * as z from "zod";
import { choice, documented, maybe, section } from "../../../base/option-schema.ts";
import { consulConnectionShape } from "../../../remote/consul/consul-options.ts";

/** The schema of `discovery.consul`. */
export const consulDiscoverySchema = section({
  ...consulConnectionShape,
  service: documented(z.string().min(1).max(256), { kind: "name", about: "The service whose instances are followed." }),
  tags: documented(z.array(z.string().min(1).max(256)).max(32).prefault([]), {
    kind: "list of tags",
    about: "Instances must have all of them.",
  }),
  filter: documented(maybe(z.string().min(1).max(2_000)), {
    kind: "expression",
    defaultText: "none",
    about: 'What instances must be like, in Consul\'s own language, such as `Service.Meta.version == "2"`.',
  }),
  passing: documented(z.boolean().prefault(false), {
    about:
      "Only instances with nothing but passing checks. `false`: also those with warnings. Checks of the instance and of its node count; instances that are critical or in maintenance are never used.",
  }),
  scheme: documented(maybe(choice(["http", "https", "tcp", "udp"])), {
    kind: "scheme",
    defaultText: "what an instance says in its meta key `millrace-scheme`, else `http`",
    about: "What the instances speak. If it is set, it holds for all, whatever they say.",
  }),
  namespace: documented(maybe(z.string().min(1).max(64)), {
    kind: "name",
    defaultText: "that of the token",
    about: "The namespace of the service (Consul Enterprise).",
  }),
  stale: documented(z.boolean().prefault(false), {
    about:
      "Any server may answer, not only the leader: less load on the leader, and lists that are some milliseconds older.",
  }),
});

/** `discovery.consul` in normal form. */
export type ConsulDiscoveryOptions = z.output<typeof consulDiscoverySchema>;
