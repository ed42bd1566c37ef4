import assert from "node:assert/strict";
import { test } from "node:test";
import { accessLogFields } from "./access-log-fields.ts";
import type { ConnectionTls } from "../http/connection-tls.ts";
import type { Exchange } from "../http/exchange.ts";
import { formatJsonLine } from "./access-log-json.ts";
import { type AccessLogFormatName, compileAccessLogFormat } from "./access-log-format.ts";
import { LineBlock } from "./line-block.ts";
import { endedExchange, type ExchangeFacts, malformedExchange } from "./testing/ended-exchange.ts";
import { logSchema } from "./options.ts";
import { QueryRedactor } from "./query-redactor.ts";

/** The lines of a format, as text. */
function compile(format: AccessLogFormatName, template: string | null = null, redactor = new QueryRedactor()) {
  const write = compileAccessLogFormat(format, template, redactor);
  const block = new LineBlock();
  return (exchange: Exchange): string => {
    write(exchange, block);
    return block.take().toString("latin1");
  };
}
const json = compile("json");

function tls(facts: Partial<ConnectionTls> = {}): ConnectionTls {
  const certificate = { subject: 'O="x"\nCN=ü', issuer: "", fingerprint256: "00", raw: Buffer.of() };
  return {
    version: "1.3",
    cipher: "TLS_AES_128_GCM_SHA256",
    isResumed: false,
    serverName: "a.test",
    policyId: "",
    client: { certificate, issuers: [], verifyError: null, forward: "summary", fields: null },
    logged: "",
    ...facts,
  };
}

test("what TLS tells is in the line of a request over TLS only", () => {
  const entry = JSON.parse(json(endedExchange({ tls: tls() }))) as Record<string, unknown>;
  const { tlsVersion, tlsCipher, tlsResumed, serverName, clientSubject } = entry;
  assert.deepEqual(
    { tlsVersion, tlsCipher, tlsResumed, serverName, clientSubject },
    {
      tlsVersion: "1.3",
      tlsCipher: "TLS_AES_128_GCM_SHA256",
      tlsResumed: false,
      serverName: "a.test",
      clientSubject: 'CN=\\C3\\BC,O="x"',
    },
  );
  assert.ok(!("tlsVersion" in (JSON.parse(json(endedExchange())) as object)));
});

test("the JSON line has every documented field, in order, with the documented type", () => {
  const facts: ExchangeFacts = {
    tls: tls(),
    proxied: "10.0.0.5:4000",
    record: { detail: "ECONNRESET", cache: "miss" },
  };
  const line = json(endedExchange(facts));
  const entry = JSON.parse(line) as Record<string, unknown>;
  const documented = accessLogFields.filter((field) => field.json !== "no");
  assert.deepEqual(
    Object.keys(entry),
    documented.map((field) => field.name),
  );
  for (const field of documented) {
    const value = entry[field.name];
    if (value !== null) assert.equal(typeof value, field.json, field.name);
  }
});

test("the JSON line and the fields of templates agree", () => {
  const redactor = new QueryRedactor();
  for (const exchange of [
    endedExchange({ fields: "Referer: http://x/?token=1\r\nUser-Agent:  a b \r\n", record: { detail: "d" } }),
    endedExchange({ fields: "Host: x\r\n" }),
    endedExchange({ tls: tls() }),
    malformedExchange(),
  ]) {
    const entry = JSON.parse(json(exchange)) as Record<string, unknown>;
    for (const field of accessLogFields) {
      if (field.json === "no" || !(field.name in entry)) continue;
      const text = field.read(exchange, redactor);
      const value = entry[field.name];
      assert.equal(
        field.json === "number" && text !== null ? Number(text) : text,
        field.json === "number" || value === null ? value : String(value),
        field.name,
      );
    }
  }
});

test("the line that is written as bytes is the line that the table gives, whatever is in it and was in the line before", () => {
  const redactor = new QueryRedactor();
  const line = compile("json", null, redactor);
  const exchanges = [
    {},
    { target: "/other", authority: "other:1", requestId: "id-2", method: "POST" },
    { target: '/"', requestId: "id-3" },
    { target: "/é", fields: "User-Agent: a\r\n" },
    { target: "/a?token=secret&b=1", fields: "Referer: http://x/?token=1\r\nUser-Agent:  a b \r\n" },
    { fields: 'user-agent: "\\\r\n' },
    { fields: "User-Agent: a\r\nUser-Agent: b\r\n" },
    { fields: "User-Agent:\r\nReferer: \r\n" },
    { fields: "referer: /a\r\nuser-agent: \xe9\r\n" },
    { requestId: "" },
    { tls: tls() },
    { tls: tls({ version: "1.2", cipher: "other", isResumed: true, serverName: null }) },
    { tls: tls({ client: { ...tls().client!, certificate: null } }) },
    { requestId: "x".repeat(300), target: `/${"a".repeat(5_000)}`, authority: "h".repeat(300), method: "M".repeat(40) },
    { clientIp: "" },
    { proxied: '10.0.0.5:4000 authority="\u00e9"' },
    { proxied: "x".repeat(5_000) },
    { clientIp: "2001:db8::1" },
    { record: { routeName: "", upstreamName: "", endpointName: "" } },
    { record: { routeName: "r".repeat(6_000) } },
    { record: { routeName: 'r"', endpointName: "http://other" } },
    { record: { status: 502, reason: "UPSTREAM_RESET", detail: "ECONNRESET" } },
    { record: { status: 502, reason: "UPSTREAM_RESET", detail: 'say "what"' } },
    {
      record: { status: 404, reason: "NO_ROUTE", attempts: 0, attemptStartedMs: -1, connectedMs: -1, firstByteMs: -1 },
    },
    { record: { attempts: 3, isUpstreamConnectionReused: false } },
    { record: { cache: "hit", attempts: 0 } },
    { record: { cache: "miss" } },
    { record: { requestBodyBytes: 9, responseBodyBytes: 10 } },
    { record: { requestBodyBytes: 99_999, responseBodyBytes: 100_000 } },
    { record: { requestBodyBytes: 2 ** 30 - 1, responseBodyBytes: 2 ** 30 } },
    { record: { requestBodyBytes: 2 ** 31, responseBodyBytes: 2 ** 53 - 1 } },
    { record: { endedMs: 1000 } },
    { record: { endedMs: 1009.9994 } },
    { record: { endedMs: 1009.9995, firstByteMs: 1001 } },
    { record: { endedMs: 999 } },
    { record: { endedMs: 1009.9996, startedWallMs: 1_700_000_000_124 } },
    { record: { endedMs: 1000 + 86_400_000.5, startedWallMs: 1_700_000_001_000 } },
  ].map((facts) => endedExchange(facts as ExchangeFacts));
  exchanges.push(malformedExchange());
  for (const first of exchanges) {
    for (const second of exchanges) {
      line(first);
      assert.equal(line(second), formatJsonLine(second, redactor));
    }
  }
});

test("a peer without an address, and HTTP versions", () => {
  const exchange = endedExchange();
  Object.assign(exchange, { peerAddress: "", clientIp: "" });
  Object.assign(exchange.request, { minorVersion: 0 });
  assert.equal(json(exchange), formatJsonLine(exchange, new QueryRedactor()));
  assert.match(json(exchange), /"clientIp":null,"peer":null,.*"protocol":"HTTP\/1\.0"/);
  Object.assign(exchange.request, { majorVersion: 2 });
  assert.match(json(exchange), /"protocol":"HTTP\/2\.0"/);
});

test("with an allow-list, the values of all other parameters are left out, of targets and referers", () => {
  const redactor = new QueryRedactor(logSchema.parse({ access: { queryAllow: ["page"] } }).access!.queryAllow);
  const exchange = endedExchange({ target: "/a?page=1&q=secret", fields: "Referer: http://x/?q=1&page=2\r\n" });
  const entry = JSON.parse(compile("json", null, redactor)(exchange)) as Record<string, unknown>;
  assert.deepEqual([entry["target"], entry["referer"]], ["/a?page=1&q=REDACTED", "http://x/?q=REDACTED&page=2"]);
});

test("a successful exchange in JSON", () => {
  assert.deepEqual(JSON.parse(json(endedExchange())), {
    time: "2023-11-14T22:13:20.123Z",
    level: "info",
    requestId: "id-1",
    listener: ":8080",
    route: "api",
    upstream: "api",
    endpoint: "http://127.0.0.1:8081",
    clientIp: "192.0.2.7",
    peer: "192.0.2.7:40001",
    scheme: "http",
    method: "GET",
    host: "api.example.com:8080",
    target: "/a?b=c",
    protocol: "HTTP/1.1",
    status: 200,
    reason: null,
    attempts: 1,
    reused: true,
    requestBytes: 0,
    responseBytes: 1234,
    headMs: 0.25,
    waitMs: 0.75,
    connectMs: 0.5,
    firstByteMs: 2,
    totalMs: 4.123,
    userAgent: "curl/8.5.0",
    referer: null,
  });
});

test("a malformed request is logged with its reason and without what was not understood", () => {
  const entry = JSON.parse(json(malformedExchange())) as Record<string, unknown>;
  assert.deepEqual(
    [
      entry["status"],
      entry["reason"],
      entry["method"],
      entry["target"],
      entry["protocol"],
      entry["route"],
      entry["connectMs"],
      entry["userAgent"],
    ],
    [400, "BAD_REQUEST_LINE", null, null, null, null, null, null],
  );
  assert.equal(compile("common")(malformedExchange()), '192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "-" 400 -\n');
});

for (const [format, template, expected] of [
  ["common", null, '192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 1234\n'],
  ["combined", null, '192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 1234 "-" "curl/8.5.0"\n'],
  ["template", "{method} {path} {status} {totalMs}ms {reason} {header:X-Thing} {{x}}", "GET /a 200 4.123ms - - {x}\n"],
  ["template", "{commonTime}|{header:host}|{reused}", "14/Nov/2023:22:13:20 +0000|api.example.com:8080|true\n"],
] as const) {
  test(`the format ${format} ${template ?? ""} writes ${expected.trim()}`, () =>
    assert.equal(compile(format, template)(endedExchange()), expected));
}

for (const [template, message] of [
  ["{nothing}", /unknown field "nothing"; known are time, /],
  ["{header:Authorization}", /holds credentials/],
  ["{header:cookie}", /holds credentials/],
  ["{header:a b}", /not a field name/],
  ["{status", /unpaired "\{"/],
  ["status}", /unpaired "\}"/],
  ["", /a template is needed/],
  ["a\nb", /one line/],
] as const) {
  test(`the template ${JSON.stringify(template)} is refused`, () =>
    assert.throws(() => compile("template", template), { name: "RangeError", message }));
}

const nasty = '\u0000\r\n\t"\\\u001b[31m\u007f\u0080\u00e9\u00ff{}';
test("no format lets through anything but printable ASCII, whatever a client, a route or an endpoint says", () => {
  const exchange = endedExchange({
    method: `M${nasty}`,
    target: `/${nasty}?${nasty}`,
    authority: nasty,
    fields: `User-Agent: a\u0001"\\\u00e9\u001b\r\nReferer: \u00ff"\r\nX-A: ${"\u0002"}\r\n`,
    clientIp: nasty,
    requestId: nasty,
    record: { routeName: nasty, upstreamName: nasty, endpointName: nasty, detail: nasty },
  });
  const everything = accessLogFields.map((field) => `{${field.name}}`).join(" ");
  for (const format of [
    json,
    compile("common"),
    compile("combined"),
    compile("template", `${everything} {header:x-a}`),
  ]) {
    assert.match(format(exchange), /^[\x20-\x7e]+\n$/);
  }
  const entry = JSON.parse(json(exchange)) as Record<string, unknown>;
  assert.equal(entry["route"], nasty);
  assert.equal(entry["target"], `/${nasty}?${nasty}`);
  assert.equal(entry["userAgent"], 'a\u0001"\\\u00e9\u001b');
});

test("long client text is cut and marked", () => {
  const entry = JSON.parse(
    json(endedExchange({ target: `/${"a".repeat(10_000)}`, fields: `User-Agent: ${"b".repeat(10_000)}\r\n` })),
  ) as Record<string, string>;
  assert.equal(entry["target"]?.length, 2048);
  assert.ok(entry["target"]?.endsWith("aaa..."));
  assert.equal(entry["userAgent"]?.length, 512);
});

test("credentials in fields are never in a line", () => {
  const exchange = endedExchange({
    fields: "Authorization: Bearer hunter2\r\nCookie: hunter2\r\nProxy-Authorization: hunter2\r\nHost: x\r\n",
  });
  for (const format of ["json", "common", "combined"] as const)
    assert.doesNotMatch(compile(format)(exchange), /hunter2/);
});

for (const [allowed, target, expected] of [
  [null, "/a", "/a"],
  [null, "/a?page=1&q=x", "/a?page=1&q=x"],
  [null, "/a?token=x", "/a?token=REDACTED"],
  [null, "/a?page=1&access_token=x&z=2", "/a?page=1&access_token=REDACTED&z=2"],
  [null, "/a?API-Key=x;b=1", "/a?API-Key=REDACTED;b=1"],
  [null, "/a?%74oken=x", "/a?%74oken=REDACTED"],
  [null, "/a?X-Amz-Signature=x&X-Amz-Credential=y", "/a?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED"],
  [null, "/a?code=x&state=y", "/a?code=REDACTED&state=y"],
  [null, "/a?user%5Bpassword%5D=x", "/a?user%5Bpassword%5D=REDACTED"],
  [null, "/a?password", "/a?password"],
  [null, "/a?author=x&keyboard=y&%zz=1", "/a?author=x&keyboard=y&%zz=1"],
  [null, "/a?token=x=y?z&&=", "/a?token=REDACTED&&="],
  [null, "https://user:pass@example.com/a?b=@c", "https://REDACTED@example.com/a?b=@c"],
  [null, "https://a@b@example.com?token=x", "https://REDACTED@example.com?token=REDACTED"],
  [null, "https://example.com/@name", "https://example.com/@name"],
  [null, "//a@b/c", "//a@b/c"],
  [["page"], "/a?page=1&q=x", "/a?page=1&q=REDACTED"],
  [[], "/a?page=1", "/a?page=REDACTED"],
] as const) {
  test(`with ${allowed === null ? "the default" : `only ${JSON.stringify(allowed)} allowed`}, ${target} is logged as ${expected}`, () =>
    assert.equal(new QueryRedactor(allowed).redact(target), expected));
}

test("redaction takes time in proportion to the query", () => {
  const redactor = new QueryRedactor();
  const started = performance.now();
  for (const query of ["%".repeat(1_000_000), "token=".repeat(200_000), "=&".repeat(500_000), "key".repeat(300_000)])
    redactor.redact(`/?${query}`);
  assert.ok(performance.now() - started < 5_000);
});
