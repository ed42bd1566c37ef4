/** `listeners.*.proxyProtocol`: from whom PROXY headers are taken. Schema and documentation. */
import { documented, duration, oneOrMore, section, switchedOff } from "../../base/option-schema.ts";
import { trustedSchema } from "../network-options.ts";

/** Null in the normal form = no headers are taken. */
export const proxyProtocolSchema = switchedOff(
  section({
    trusted: documented(oneOrMore(trustedSchema), {
      kind: "list of networks",
      about:
        "The networks of the load balancers that send a PROXY header first on each connection; `unix` is whoever connects to the listener's Unix socket. A connection of theirs without a header is closed.",
      danger: "everyone in these networks, or who may write to the socket, can claim any client address.",
    }),
    timeout: duration("5s", {
      about: "How long such a load balancer may take for the header; then its connection is closed.",
    }),
  }),
);
