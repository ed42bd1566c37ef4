import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clientScheme,
  type ConnectionOrigin,
  firstForwardedHost,
  firstForwardedProto,
  forwardingFields,
  ForwardingPrefix,
  isLoop,
  type ViaMode,
} from "./forwarding-fields.ts";
import { RequestHead } from "./message.ts";

function lines(origin: Partial<ConnectionOrigin>, request: Partial<RequestHead>): string[] {
  const head = Object.assign(new RequestHead(), { authority: "example.com" }, request);
  const prefix = new ForwardingPrefix({
    peerAddress: "192.0.2.1",
    scheme: "http",
    isPeerTrusted: false,
    pseudonym: "mill",
    ...origin,
  });
  const text = forwardingFields(prefix, head, "id1");
  assert.ok(text.endsWith("\r\n"));
  return text.split("\r\n").slice(0, -1);
}

const claims = {
  forwardedFor: "1.1.1.1",
  forwardedProto: "https",
  forwardedHost: "evil.example",
  forwarded: "for=1.1.1.1",
};

test("an ordinary request gets what its connection tells", () => {
  assert.deepEqual(lines({}, {}), [
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: example.com",
    "Via: 1.1 mill",
    "X-Request-ID: id1",
  ]);
});

test("nothing that an untrusted peer claims goes on", () => {
  assert.deepEqual(lines({}, claims), lines({}, {}));
  assert.deepEqual(lines({}, { ...claims, via: "1.1 a" }).slice(0, 3), lines({}, {}).slice(0, 3));
  assert.deepEqual(lines({}, { ...claims, minorVersion: 0 }).slice(0, 3), lines({}, {}).slice(0, 3));
});

test("a trusted peer's lists are appended to, and its first hop's scheme and host stand", () => {
  assert.deepEqual(lines({ isPeerTrusted: true }, claims), [
    "X-Forwarded-For: 1.1.1.1, 192.0.2.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "Forwarded: for=1.1.1.1, for=192.0.2.1;proto=http;host=example.com",
    "Via: 1.1 mill",
    "X-Request-ID: id1",
  ]);
  assert.deepEqual(lines({ isPeerTrusted: true }, {}), lines({}, {}));
});

test("a trusted peer's nonsense is replaced by what we know", () => {
  assert.deepEqual(
    lines(
      { isPeerTrusted: true, scheme: "https" },
      { forwardedFor: "", forwardedProto: "gopher", forwardedHost: "a b" },
    ),
    lines({ scheme: "https" }, {}),
  );
});

test("Forwarded is quoted if RFC 7239 asks for it", () => {
  const trusted = { isPeerTrusted: true, scheme: "https" } as const;
  const table: [string, string, string][] = [
    ["192.0.2.1", "h", "for=192.0.2.1;proto=https;host=h"],
    ["192.0.2.1", "h:8080", 'for=192.0.2.1;proto=https;host="h:8080"'],
    ["2001:db8::1", "[::1]:80", 'for="[2001:db8::1]";proto=https;host="[::1]:80"'],
    ["", "", "for=unknown;proto=https"],
  ];
  for (const [peerAddress, authority, element] of table) {
    assert.ok(
      lines({ ...trusted, peerAddress }, { authority, forwarded: "for=a" }).includes(`Forwarded: for=a, ${element}`),
      element,
    );
    assert.ok(
      lines({ ...trusted, peerAddress }, { authority, forwarded: "" }).includes(`Forwarded: ${element}`),
      element,
    );
  }
});

test("Via names the version received and keeps the way so far", () => {
  const table: [Partial<RequestHead>, string][] = [
    [{}, "Via: 1.1 mill"],
    [{ minorVersion: 0 }, "Via: 1.0 mill"],
    [{ majorVersion: 2, minorVersion: 0 }, "Via: 2.0 mill"],
    [{ via: "1.0 fred, 1.1 p.example.net (x)" }, "Via: 1.0 fred, 1.1 p.example.net (x), 1.1 mill"],
  ];
  for (const [request, via] of table) assert.ok(lines({}, request).includes(via), via);
});

test("a request without authority gets no X-Forwarded-Host", () => {
  for (const minorVersion of [0, 1] as const) {
    assert.equal(
      lines({}, { authority: "", minorVersion }).some((line) => line.startsWith("X-Forwarded-Host")),
      false,
    );
  }
});

test("an own name among the members of Via is a loop", () => {
  const table: [string | null, boolean][] = [
    [null, false],
    ["", false],
    ["1.1 mill", true],
    ["1.0 fred, 1.1 mill", true],
    ["HTTP/1.1\tmill (comment)", true],
    ["1.1 mill2", false],
    ["1.1 treadmill", false],
    ["1.1 a (mill)", false],
    ["mill", false],
    ["1.1 a,1.1 mill , 1.1 b", true],
  ];
  for (const [via, expected] of table) assert.equal(isLoop({ via, cdnLoop: null }, "mill"), expected, String(via));
});

test("a member of CDN-Loop, with or without parameters, is a loop, too", () => {
  for (const [cdnLoop, expected] of [
    [null, false],
    ["", false],
    ["mill", true],
    ["other, mill", true],
    ["other;a=1,\tmill ;b=2", true],
    ["mill2", false],
    ["treadmill", false],
    ["other;mill", false],
    ["1.1 mill", false],
  ] as const)
    assert.equal(isLoop({ via: null, cdnLoop }, "mill"), expected, String(cdnLoop));
});

test("what becomes of Via, and the name in CDN-Loop if it is not in Via", () => {
  const hops = (viaMode: ViaMode, request: Partial<RequestHead>): string[] => {
    const head = Object.assign(new RequestHead(), { authority: "a" }, request);
    const text = forwardingFields(
      new ForwardingPrefix({ peerAddress: "192.0.2.1", scheme: "http", isPeerTrusted: false, pseudonym: "mill" }),
      head,
      "id",
      viaMode,
    );
    return text.split("\r\n").filter((line) => /^(via|cdn-loop):/i.test(line));
  };
  for (const [mode, request, expected] of [
    ["add", {}, ["Via: 1.1 mill"]],
    ["add", { via: "1.0 a", cdnLoop: "b" }, ["Via: 1.0 a, 1.1 mill", "CDN-Loop: b"]],
    ["pass", {}, ["CDN-Loop: mill"]],
    ["pass", { authority: "" }, ["CDN-Loop: mill"]],
    ["pass", { minorVersion: 0 }, ["CDN-Loop: mill"]],
    ["pass", { via: "1.0 a", cdnLoop: "b" }, ["Via: 1.0 a", "CDN-Loop: b, mill"]],
    ["remove", {}, ["CDN-Loop: mill"]],
    ["remove", { via: "1.0 a", cdnLoop: "b;c=1" }, ["CDN-Loop: b;c=1, mill"]],
  ] as const)
    assert.deepEqual(hops(mode, request), expected, `${mode} ${JSON.stringify(request)}`);
});

test("the first hop's word is read from a list", () => {
  assert.equal(firstForwardedProto("HTTPS, http"), "https");
  assert.equal(firstForwardedProto("wss"), "wss");
  assert.equal(firstForwardedProto(", https"), null);
  assert.equal(firstForwardedProto(null), null);
  assert.equal(firstForwardedHost("a.example:80 , b.example"), "a.example:80");
  assert.equal(firstForwardedHost("a@b"), null);
  assert.equal(firstForwardedHost(null), null);
});

test("what a trusted peer says by RFC 7239 alone goes upstream in the X- fields, too", () => {
  const request = Object.assign(new RequestHead(), {
    authority: "inner",
    forwarded: 'for=1.2.3.4;proto=https;host="foo:8443", for="[2001:db8::1]"',
  });
  const lines = forwardingFields(
    new ForwardingPrefix({ peerAddress: "10.0.0.1", scheme: "http", isPeerTrusted: true, pseudonym: "m" }),
    request,
    "id",
  );
  assert.match(
    lines,
    /^X-Forwarded-For: 1\.2\.3\.4, \[2001:db8::1\], 10\.0\.0\.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: foo:8443\r\n/,
  );
});

const schemes: [said: Partial<RequestHead>, scheme: "http" | "https"][] = [
  [{}, "http"],
  [{ forwardedProto: "https" }, "https"],
  [{ forwardedProto: "HTTPS, http" }, "https"],
  [{ forwardedProto: "wss" }, "https"],
  [{ forwardedProto: "gopher" }, "http"],
  [{ forwarded: "for=1.1.1.1;proto=https" }, "https"],
  [{ forwarded: "for=1.1.1.1;proto=https, for=2.2.2.2;proto=http" }, "https"],
  [{ forwarded: "for=1.1.1.1;proto=https", forwardedFor: "1.1.1.1" }, "http"],
  [{ forwarded: "proto=https", forwardedProto: "http" }, "http"],
];
for (const [said, scheme] of schemes) {
  test(`a trusted peer that says ${JSON.stringify(said)} has a client that came by ${scheme}; nobody else is believed`, () => {
    const request = Object.assign(new RequestHead(), said);
    assert.equal(clientScheme({ request, scheme: "http", isPeerTrusted: true }), scheme);
    assert.equal(clientScheme({ request, scheme: "http", isPeerTrusted: false }), "http");
  });
}
