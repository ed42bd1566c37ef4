/**
 * What the two sides of a proxy under test speak. A further protocol is a `ClientProtocol` beside `http1-speaker.ts`, an
 * `EndpointProtocol` beside `http1-endpoint.ts`, and a line in `matrix`; no test changes. `protocols.test.ts` is
 * the conformance suite of both interfaces: it runs over every line.
 */
import type { EndpointProtocol } from "./endpoint-server.ts";
import { http1Endpoint, http1TlsEndpoint } from "./http1-endpoint.ts";
import { http1Client } from "./http1-speaker.ts";
import { https1Client } from "./https1-speaker.ts";
import type { ClientProtocol } from "./speaker.ts";

/** What clients speak to a proxy, and it to its endpoints. */
export interface Protocols {
  readonly client: ClientProtocol;
  readonly endpoint: EndpointProtocol;
}

/** What tests of bytes are about. */
export const http1: Protocols = { client: http1Client, endpoint: http1Endpoint };

/** Every pair that tests of meaning hold for. The first has no word in the names of tests. */
export const matrix: readonly Protocols[] = [
  http1,
  { client: https1Client, endpoint: http1Endpoint },
  { client: http1Client, endpoint: http1TlsEndpoint },
];
