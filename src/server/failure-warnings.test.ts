import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExchangeRecord } from "../http/exchange-record.ts";
import type { LogFields } from "../observe/logger.ts";
import type { Warning } from "../observe/repeated-warning.ts";
import { endedExchange } from "../observe/testing/ended-exchange.ts";
import { FailureWarnings } from "./failure-warnings.ts";

function setUp() {
  const said: string[] = [];
  const failures = new FailureWarnings({
    warn: ({ message, fields }: Warning) => said.push(`${message} ${JSON.stringify(fields)}`),
    recover: (subject, message) => said.push(`${message}: ${subject}`),
  });
  const end = (record: Partial<ExchangeRecord>): void => failures.noteEnd(endedExchange({ record }));
  return { failures, end, take: () => said.splice(0) };
}

const endpoint = "http://127.0.0.1:8081";

for (const [reason, detail, said] of [
  ["NO_ENDPOINT", "", 'upstream cannot serve requests {"upstream":"api","reason":"NO_ENDPOINT"}'],
  ["BREAKER_OPEN", "", 'upstream cannot serve requests {"upstream":"api","reason":"BREAKER_OPEN"}'],
  ["TOTAL_TIMEOUT", "", `endpoint fails {"upstream":"api","endpoint":"${endpoint}","reason":"TOTAL_TIMEOUT"}`],
  [
    "OVERLOADED",
    "EMFILE",
    'connections to endpoints cannot be opened {"upstream":"api","reason":"OVERLOADED","errno":"EMFILE"}',
  ],
  ["OVERLOADED", "", undefined],
  [
    "NO_LOCAL_ADDRESS",
    "EADDRNOTAVAIL",
    `connections to endpoints cannot be opened {"upstream":"api","endpoint":"${endpoint}","reason":"NO_LOCAL_ADDRESS","errno":"EADDRNOTAVAIL"}`,
  ],
  ["UPSTREAM_RESET", "ECONNRESET", undefined],
  ["CLIENT_GONE", "", undefined],
  ["RATE_LIMITED", "", undefined],
  ["INTERNAL_ERROR", "", undefined],
] as const) {
  test(`an exchange that ended with ${reason} ${detail} is ${said === undefined ? "not" : "said to be"} a failure of its upstream`, () => {
    const { end, take } = setUp();
    end({ reason, detail });
    assert.deepEqual(take(), said === undefined ? [] : [said]);
  });
}

for (const [reason, detail, said] of [
  ["UPSTREAM_CONNECT_FAILED", "ECONNREFUSED", ',"errno":"ECONNREFUSED"'],
  ["UPSTREAM_DNS_FAILED", "api.internal: ENOTFOUND", ',"errno":"ENOTFOUND","detail":"api.internal: ENOTFOUND"'],
  ["UPSTREAM_BAD_RESPONSE", "bad version in the status line", ',"detail":"bad version in the status line"'],
  ["UPSTREAM_RESET", "closed after an answer", ',"detail":"closed after an answer"'],
  ["UPSTREAM_FIRST_BYTE_TIMEOUT", "", ""],
] as const) {
  test(`an attempt that failed with ${reason} (${detail}) is said, an error code of the system in a field of its own`, () => {
    const { failures, take } = setUp();
    failures.noteAttempt("api", endpoint, reason, detail);
    assert.deepEqual(take(), [
      `endpoint fails {"upstream":"api","endpoint":"${endpoint}","reason":"${reason}"${said}}`,
    ]);
  });
}

test("the first success here of what failed in another thread is said", () => {
  const { failures, end, take } = setUp();
  const trouble = (subject: string, fields: LogFields): Warning => ({ subject, reason: "", message: "", fields });
  failures.noteElsewhere(trouble(`endpoint api/${endpoint}`, { upstream: "api", endpoint }));
  failures.noteElsewhere(trouble("upstream api", { upstream: "api" }));
  failures.noteElsewhere(trouble("upstream connections", { upstream: "other" }));
  failures.noteElsewhere(trouble("name api.internal", { name: "api.internal" }));
  end({ upstreamName: "other" });
  end({ endpointName: "http://other" });
  end({});
  end({});
  assert.deepEqual(take(), [
    "upstream serves requests again: upstream api",
    `endpoint answers again: endpoint api/${endpoint}`,
  ]);
});

test("the first connection after a shortage is said: of the process whoever is reached, of ports the endpoint's own", () => {
  const { failures, end, take } = setUp();
  failures.noteConnected(endpoint);
  end({ reason: "OVERLOADED", detail: "EMFILE" });
  end({ reason: "NO_LOCAL_ADDRESS", detail: "EADDRNOTAVAIL" });
  assert.equal(take().length, 2);
  // An answer may have come over a connection that was open before.
  end({});
  assert.deepEqual(take(), []);
  failures.noteConnected("http://other");
  assert.deepEqual(take(), ["connections to endpoints can be opened again: upstream connections"]);
  failures.noteConnected(endpoint);
  failures.noteConnected(endpoint);
  assert.deepEqual(take(), [`connections to endpoints can be opened again: upstream connections ${endpoint}`]);
});

test("the first connection here after a shortage in another thread is said", () => {
  const { failures, take } = setUp();
  const trouble = (subject: string, fields: LogFields): Warning => ({ subject, reason: "", message: "", fields });
  failures.noteElsewhere(trouble("upstream connections", { upstream: "other" }));
  failures.noteElsewhere(trouble(`upstream connections ${endpoint}`, { upstream: "api", endpoint }));
  failures.noteElsewhere(trouble("upstream connections http://gone", { upstream: "api", endpoint: "http://gone" }));
  failures.keep(
    (_upstream, name) => name === endpoint,
    () => true,
  );
  failures.noteConnected("http://gone");
  failures.noteConnected(endpoint);
  assert.deepEqual(take(), [
    "connections to endpoints can be opened again: upstream connections",
    `connections to endpoints can be opened again: upstream connections ${endpoint}`,
  ]);
});

test("the first success of what failed is said, of the endpoint and of the upstream", () => {
  const { failures, end, take } = setUp();
  failures.noteAttempt("api", endpoint, "UPSTREAM_RESET", "");
  end({ reason: "NO_ENDPOINT", endpointName: "" });
  end({ endpointName: "http://other" });
  end({});
  end({});
  assert.deepEqual(take().slice(2), [
    "upstream serves requests again: upstream api",
    `endpoint answers again: endpoint api/${endpoint}`,
  ]);
});

test("what a configuration no longer has is forgotten", () => {
  const { failures, end, take } = setUp();
  failures.noteAttempt("api", endpoint, "UPSTREAM_RESET", "");
  end({ reason: "NO_ENDPOINT" });
  take();
  failures.keep(
    () => false,
    () => true,
  );
  end({});
  assert.deepEqual(take(), ["upstream serves requests again: upstream api"]);
});
