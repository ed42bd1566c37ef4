import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { type ClientSide, Exchange } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";
import { EndpointFlag, EndpointState, Health } from "../endpoint-state.ts";
import { Endpoint } from "../endpoint.ts";
import type { StickyCookieOptions } from "../sticky-options.ts";
import type { Transport } from "../transport.ts";
import { UpstreamState } from "../upstream-state.ts";
import { StickyCookie, type StickyResult } from "./sticky-cookie.ts";
import { StickyTokens } from "./sticky-token.ts";
import { specAt } from "../testing/endpoints.ts";

const hourMs = 3_600_000;

function open(more: Partial<StickyCookieOptions> = {}) {
  const memory = new SharedMemory();
  const state = UpstreamState.open(memory, "api");
  const clock = new ManualClock(0, 0);
  const endpoints = [1, 2].map((port) => {
    const spec = specAt(port);
    return new Endpoint(
      spec,
      EndpointState.open(memory, { upstreamName: "api", url: spec.url, stripeIndex: 0, stripes: 1, upstream: state }),
      {} as Transport,
    );
  }) as [Endpoint, Endpoint];
  const options: StickyCookieOptions = { name: "sid", maxAge: 0, path: "/", sameSite: "lax", secret: null, ...more };
  const tokens = new StickyTokens({
    secret: Buffer.from("secret"),
    upstreamName: "api",
    urls: endpoints.map((endpoint) => endpoint.name),
    maxAgeMs: options.maxAge,
    clock,
  });
  const results: StickyResult[] = [];
  const sticky = new StickyCookie({
    upstreamName: "api",
    options,
    tokens,
    find: (url) => endpoints.find((endpoint) => endpoint.name === url) ?? null,
    onResult: (result) => results.push(result),
  });
  return { sticky, endpoints, clock, results };
}

function exchange(
  cookie: string | null,
  more: { scheme?: "http" | "https"; isPeerTrusted?: boolean; forwardedProto?: string } = {},
): Exchange {
  const request = new RequestHead();
  request.keptFields = cookie === null ? "" : `cookie: ${cookie}\r\n`;
  request.forwardedProto = more.forwardedProto ?? null;
  const made = new Exchange(request, {} as ClientSide, {
    listenerName: "l",
    scheme: more.scheme ?? "http",
    peerAddress: "192.0.2.1",
    peerPort: 1,
  });
  made.isPeerTrusted = more.isPeerTrusted ?? false;
  return made;
}

const cookieOf = (fields: string): string =>
  /^Set-Cookie: ([^;]+)/.exec(fields)?.[1] ?? assert.fail(`no cookie in ${fields}`);

test("a client without a cookie is left to the balancer, and told where it went; with its cookie it comes back and is told nothing", () => {
  const { sticky, endpoints, results } = open();
  assert.equal(sticky.pick(exchange(null), { key: null, tried: [] }), null);
  const fields = sticky.answerFields(exchange(null), endpoints[1]);
  assert.match(fields, /^Set-Cookie: sid=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax\r\n$/);
  const next = exchange(`a=b; ${cookieOf(fields)}`);
  assert.equal(sticky.pick(next, { key: null, tried: [] }), endpoints[1]);
  assert.equal(sticky.answerFields(next, endpoints[1]), "");
  assert.deepEqual(results, ["assigned", "kept"]);
});

test("a draining endpoint and one of weight 0 keep their clients; one that is ill, ejected, disabled or was tried does not", () => {
  const { sticky, endpoints, results } = open();
  const [own, other] = endpoints;
  const client = exchange(cookieOf(sticky.answerFields(exchange(null), own)));
  const picked = (tried: readonly Endpoint[] = []): Endpoint | null => sticky.pick(client, { key: null, tried });
  own.state.setFlag(EndpointFlag.draining);
  own.state.weightOverride = 0;
  assert.equal(picked(), own);
  own.state.clearFlag(EndpointFlag.draining);
  for (const flag of [EndpointFlag.ejected, EndpointFlag.disabled]) {
    own.state.setFlag(flag);
    assert.equal(picked(), null);
    own.state.clearFlag(flag);
  }
  own.state.health = Health.unhealthy;
  assert.equal(picked(), null);
  own.state.health = Health.healthy;
  assert.equal(picked(), own);
  assert.equal(picked([own]), null);
  assert.notEqual(
    cookieOf(sticky.answerFields(client, other)),
    cookieOf(sticky.answerFields(exchange(null), own)),
    "whoever answers instead is the new one",
  );
  assert.deepEqual(results, ["assigned", "moved", "assigned"]);
});

test("a cookie that is not ours counts as none, and is replaced", () => {
  const { sticky, endpoints } = open();
  for (const cookie of ["sid=", "sid=x", `sid=${"A".repeat(8)}.${"A".repeat(22)}`, "other=1"]) {
    assert.equal(sticky.pick(exchange(cookie), { key: null, tried: [] }), null);
    assert.notEqual(sticky.answerFields(exchange(cookie), endpoints[0]), "");
  }
});

test("a cookie with an age is renewed in the second half of it", () => {
  const { sticky, endpoints, clock } = open({ maxAge: hourMs });
  const fields = sticky.answerFields(exchange(null), endpoints[0]);
  assert.match(fields, /; Max-Age=3600; Path=\//);
  const client = exchange(cookieOf(fields));
  clock.advance(hourMs * 0.4);
  assert.equal(sticky.answerFields(client, endpoints[0]), "");
  clock.advance(hourMs * 0.3);
  assert.equal(sticky.pick(client, { key: null, tried: [] }), endpoints[0]);
  assert.notEqual(cookieOf(sticky.answerFields(client, endpoints[0])), cookieOf(fields));
  clock.advance(hourMs);
  assert.equal(sticky.pick(client, { key: null, tried: [] }), null, "it stayed away too long");
});

const secureCases: [
  isSecure: boolean,
  sameSite: StickyCookieOptions["sameSite"],
  client: Parameters<typeof exchange>[1],
][] = [
  [false, "lax", {}],
  [true, "lax", { scheme: "https" }],
  [true, "strict", { isPeerTrusted: true, forwardedProto: "https" }],
  [true, "lax", { isPeerTrusted: true, forwardedProto: "https, http" }],
  [false, "lax", { isPeerTrusted: false, forwardedProto: "https" }],
  [false, "lax", { isPeerTrusted: true, forwardedProto: "http" }],
  [true, "none", {}],
];

for (const [isSecure, sameSite, client] of secureCases) {
  test(`SameSite ${sameSite}, ${JSON.stringify(client)}: ${isSecure ? "Secure" : "not Secure"}`, () => {
    const { sticky, endpoints } = open({ sameSite, path: "/app" });
    const fields = sticky.answerFields(exchange(null, client), endpoints[0]);
    assert.equal(/; Secure\r\n$/.test(fields), isSecure);
    assert.match(fields, new RegExp(`; Path=/app; HttpOnly; SameSite=${sameSite}`, "i"));
  });
}

test("without a name of its own the cookie has one of the upstream's", () => {
  const { sticky } = open({ name: null });
  assert.match(sticky.name, /^millrace-[\da-f]{8}$/);
});

test("a valid cookie is seen behind cookies of the same name that are forged, expired or of an endpoint that is gone, up to a bound", () => {
  const { sticky, endpoints, results } = open();
  const [first, second] = endpoints;
  const good = cookieOf(sticky.answerFields(exchange(null), second));
  for (const before of ["sid=; ", "sid=abc; ", "sid=AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA; ", "x=1; sid=a; sid=b; sid=c; "]) {
    const both = exchange(`${before}${good}`);
    assert.equal(sticky.pick(both, { key: null, tried: [] }), second, before);
    assert.equal(sticky.answerFields(both, second), "", before);
  }
  assert.equal(
    sticky.pick(exchange(`${"sid=x; ".repeat(100)}${good}`), { key: null, tried: [] }),
    null,
    "sixteen are looked at",
  );
  results.length = 0;
  assert.match(sticky.answerFields(exchange(`sid=x; ${good}`), first), /^Set-Cookie/);
  assert.deepEqual(results, ["moved"]);
});

test("a fresh cookie goes before one that is to be renewed, and the earlier of two fresh ones before the later", () => {
  const { sticky, endpoints, clock } = open({ maxAge: 4 * hourMs });
  const [first, second] = endpoints;
  const old = cookieOf(sticky.answerFields(exchange(null), first));
  clock.advance(3 * hourMs);
  const fresh = cookieOf(sticky.answerFields(exchange(null), second));
  const other = cookieOf(sticky.answerFields(exchange(null), first));
  assert.equal(sticky.pick(exchange(`${old}; ${fresh}`), { key: null, tried: [] }), second);
  assert.equal(sticky.pick(exchange(`${other}; ${fresh}`), { key: null, tried: [] }), first);
  assert.equal(sticky.pick(exchange(old), { key: null, tried: [] }), first);
  assert.equal(
    sticky.pick(exchange(`${old}; ${fresh}`), { key: null, tried: [second] }),
    first,
    "if the fresh one's endpoint was tried",
  );
  assert.equal(sticky.answerFields(exchange(`${old}; ${other}`), first), "", "its fresh cookie need not be renewed");
});
