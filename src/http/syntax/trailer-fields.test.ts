import assert from "node:assert/strict";
import { test } from "node:test";
import { isTrailerName, trailerLine, travellingTrailers } from "./trailer-fields.ts";

const travelling = [
  "x-sum",
  "etag",
  "digest",
  "content-digest",
  "repr-digest",
  "content-md5",
  "server-timing",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "signature",
  "signature-input",
  "last-modified",
  "proxy-status",
  "__proto__",
  "constructor",
  "a.b",
  "x_sum",
];
const staying = [
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "te",
  "trailer",
  "upgrade",
  "keep-alive",
  "proxy-connection",
  "authorization",
  "proxy-authorization",
  "www-authenticate",
  "cookie",
  "set-cookie",
  "content-type",
  "content-encoding",
  "x-forwarded-for",
  "forwarded",
  "x-real-ip",
  "via",
  "x-request-id",
  "expect",
  "if-match",
  "range",
  "cache-control",
  "location",
  "access-control-allow-origin",
  "sec-websocket-key",
];

test("names that say something of the message, or nothing to us, travel", () => {
  for (const name of travelling) assert.equal(isTrailerName(name), true, name);
});

test("names that frame, route, authenticate or vouch do not, in no spelling", () => {
  for (const name of staying) {
    for (const spelling of [name, name.replaceAll("-", "_"), name.replaceAll("-", "."), name.replace("-", "_")]) {
      assert.equal(isTrailerName(spelling), false, spelling);
    }
  }
});

test("a section keeps the lines that travel, in order and as they are", () => {
  const section = "X: 1\r\nCOOKIE: a\r\nx:2\r\nHost:b\r\nEtag:  x \r\n";
  assert.equal(travellingTrailers(section), "X: 1\r\nx:2\r\nEtag:  x \r\n");
  assert.equal(travellingTrailers(""), "");
});

test("what is announced is what travels", () => {
  const none = new Set<string>();
  const table: [string, ReadonlySet<string>, string][] = [
    ["X-Sum, ETag", none, "Trailer: X-Sum, ETag\r\n"],
    ["X-Sum, Cookie", none, "Trailer: x-sum\r\n"],
    ["Cookie", none, ""],
    ["", none, ""],
    ["a b, x-sum", none, "Trailer: x-sum\r\n"],
    ["X-Sum, X-Hop", new Set(["x-hop"]), "Trailer: x-sum\r\n"],
  ];
  for (const [value, nominated, expected] of table) assert.equal(trailerLine(value, nominated), expected, value);
});
