/** Exchanges that ended, for the tests of this folder. */
import type { ConnectionTls } from "../../http/connection-tls.ts";
import type { ExchangeRecord } from "../../http/exchange-record.ts";
import { type ClientSide, Exchange } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";

/** What a test may choose; the rest is a plain successful GET. */
export interface ExchangeFacts {
  readonly method?: string;
  readonly target?: string;
  /** Field lines, without the empty line. */
  readonly authority?: string;
  readonly fields?: string;
  readonly requestId?: string;
  readonly clientIp?: string;
  readonly proxied?: string;
  readonly tls?: ConnectionTls;
  readonly record?: Partial<ExchangeRecord>;
}

/** An exchange that ended. */
export function endedExchange(facts: ExchangeFacts = {}): Exchange {
  const request = new RequestHead();
  request.method = facts.method ?? "GET";
  request.target = facts.target ?? "/a?b=c";
  request.authority = facts.authority ?? "api.example.com:8080";
  request.keptFields = facts.fields ?? "user-AGENT: curl/8.5.0\r\n";
  request.text = `${request.method} ${request.target} HTTP/1.1\r\n${facts.fields ?? "Host: api.example.com:8080\r\nuser-AGENT: curl/8.5.0\r\n"}\r\n`;
  request.fieldsStart = request.text.indexOf("\r\n") + 2;
  const exchange = new Exchange(request, null as unknown as ClientSide, {
    listenerName: ":8080",
    scheme: "http",
    peerAddress: "192.0.2.7",
    peerPort: 40_001,
    proxied: facts.proxied ?? "",
    tls: facts.tls ?? null,
  });
  exchange.requestId = facts.requestId ?? "id-1";
  exchange.clientIp = facts.clientIp ?? exchange.clientIp;
  Object.assign(
    exchange.record,
    {
      routeName: "api",
      upstreamName: "api",
      endpointName: "http://127.0.0.1:8081",
      status: 200,
      attempts: 1,
      isUpstreamConnectionReused: true,
      responseBodyBytes: 1234,
      startedMs: 1000,
      startedWallMs: 1_700_000_000_123,
      headCompleteMs: 1000.25,
      attemptStartedMs: 1001,
      connectedMs: 1001.5,
      firstByteMs: 1003,
      endedMs: 1004.1234,
    } satisfies Partial<ExchangeRecord>,
    facts.record,
  );
  return exchange;
}

/** An exchange whose head was not understood. */
export function malformedExchange(): Exchange {
  const exchange = new Exchange(new RequestHead(), null as unknown as ClientSide, {
    listenerName: ":8080",
    scheme: "http",
    peerAddress: "192.0.2.7",
    peerPort: 40_001,
  });
  Object.assign(exchange.record, {
    status: 400,
    reason: "BAD_REQUEST_LINE",
    startedMs: 1000,
    startedWallMs: 1_700_000_000_123,
    endedMs: 1000.5,
  } satisfies Partial<ExchangeRecord>);
  return exchange;
}
