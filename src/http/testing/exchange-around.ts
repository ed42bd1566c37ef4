/** Exchanges for tests of what is decided by a request: nobody answers them. */
import { type ClientSide, Exchange } from "../exchange.ts";
import { ForwardingPrefix } from "../forwarding-fields.ts";
import { Framing, RequestHead } from "../message.ts";
import { noBody } from "../body.ts";

/** Who sent a request; default: a stranger at 192.0.2.1, in clear text. */
export interface Sender {
  readonly clientIp?: string;
  readonly isPeerTrusted?: boolean;
}

/** An exchange of `head`, or of one with these facts, ready to be routed. */
export function exchangeAround(
  head: Partial<RequestHead>,
  { clientIp = "192.0.2.1", isPeerTrusted = false }: Sender = {},
): Exchange {
  const request = head instanceof RequestHead ? head : Object.assign(new RequestHead(), head);
  const exchange = new Exchange(request, null as unknown as ClientSide, {
    listenerName: "test",
    scheme: "http",
    peerAddress: clientIp,
    peerPort: 1,
  });
  if (request.framing !== Framing.none)
    exchange.body = { ...noBody, length: request.framing === Framing.length ? request.contentLength : "unknown" };
  exchange.isPeerTrusted = isPeerTrusted;
  exchange.requestId = "id-1";
  exchange.forwardingPrefix = new ForwardingPrefix({
    peerAddress: clientIp,
    scheme: "http",
    isPeerTrusted,
    pseudonym: "millrace",
  });
  return exchange;
}
