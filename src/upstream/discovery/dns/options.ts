/** The options of discovery by DNS. Schema and documentation; the normal form is `DnsDiscoveryOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, duration, maybe, section } from "../../../base/option-schema.ts";
import { dnsNameSchema, dnsServerSchema } from "../../../remote/dns/dns-options.ts";

/** The schema of `discovery.dns`. */
export const dnsDiscoverySchema = section({
  name: documented(dnsNameSchema, {
    kind: "host name",
    about:
      "The name whose records are followed: of hosts, `api.internal`, or of a service, `_http._tcp.api.internal`. Without `servers` it is looked up as the machine does: hosts file, search list; a dot at the end means only itself.",
  }),
  type: documented(choice(["addresses", "A", "AAAA", "SRV"]).prefault("addresses"), {
    about:
      "The records: `addresses`: A and AAAA; `A` or `AAAA`: of one family; `SRV`: hosts with port, priority and weight. Of SRV records those of the lowest priority serve, all others are backups.",
  }),
  port: documented(maybe(z.int().min(1).max(65_535)), {
    kind: "number",
    defaultText: "80, with `https` 443",
    about: "The port of all addresses. SRV records have their own.",
  }),
  scheme: documented(choice(["http", "https", "tcp", "udp"]).prefault("http"), {
    about:
      "What the endpoints speak. They are addresses: with `https`, write the name that they must prove in `tls.serverName` of the upstream.",
  }),
  servers: documented(maybe(z.array(dnsServerSchema).min(1).max(8)), {
    kind: "list of addresses",
    defaultText: "those of the machine",
    about:
      'The name servers to ask, the first that answers is believed: `10.0.0.53`, `127.0.0.1:8600`, `"[2001:db8::53]:53"`.',
  }),
  minRefresh: duration(
    "1s",
    { about: "The name is not asked for more often, however short a time its records hold." },
    { min: 100 },
  ),
  maxRefresh: duration(
    "60s",
    { about: "The name is asked for at least this often, however long its records hold." },
    { min: 100 },
  ),
  unseen: duration("0s", {
    about:
      "How long an address is kept after it was last in an answer: for name servers that send a changing part of what there is, over TCP too. An address that is missing is in any case asked for again over TCP before it is let go.",
    zero: "it is let go at once",
  }),
}).transform((options, context) => {
  const { type, port, scheme, minRefresh, maxRefresh } = options;
  if (type === "SRV" && port !== null) addProblem(context, "SRV records have ports of their own", {}, ["port"]);
  if (type !== "SRV" && port === null && (scheme === "tcp" || scheme === "udp"))
    addProblem(context, `${scheme.toUpperCase()} has no port that goes without saying; write \`port\``);
  if (maxRefresh < minRefresh) addProblem(context, "`maxRefresh` is shorter than `minRefresh`", {}, ["maxRefresh"]);
  return options;
});

/** `discovery.dns` in normal form. */
export type DnsDiscoveryOptions = z.output<typeof dnsDiscoverySchema>;
