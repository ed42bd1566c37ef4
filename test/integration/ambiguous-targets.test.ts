/**
 * A route that guards a path cannot be got around by writing the path otherwise (threats of decoding and normalising
 * twice).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, ScriptedUpstream } from "../support/scripted-upstream.ts";

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;

before(async () => {
  upstream = await ScriptedUpstream.start(answerOk);
  proxy = await ProxyUnderTest.start({
    endpoints: [upstream.url],
    routes: [
      { match: { path: "/admin/*" }, respond: { status: 403, body: "guarded" } },
      { match: { host: "secret.example" }, respond: { status: 403, body: "guarded" } },
      { match: { path: "/strip/*" }, middlewares: [{ rewrite: { stripPrefix: "/strip" } }], upstream: "app" },
      { upstream: "app" },
    ],
  });
});

after(async () => {
  await upstream.close();
  await proxy.untilEmpty();
  await proxy.close();
});

async function ask(target: string, host = "a"): Promise<{ status: number; forwarded: string | null }> {
  upstream.forget();
  const client = await RawClient.connect(proxy.port);
  try {
    client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const { status } = await client.response();
    return { status, forwarded: upstream.requests[0]?.target ?? null };
  } finally {
    client.destroy();
  }
}

const guarded = [
  "/admin",
  "/admin/",
  "/admin/x",
  "/%61dmin/x",
  "/%61%64%6d%69%6e/x",
  "/x/../admin/x",
  "/x/%2e%2e/admin",
  "/x/.%2E/admin/",
  "/./admin/x",
  "/admin/../admin/x",
  "/admin/%2e/x",
  "http://b/admin/x",
  "http://b/x/../admin",
  "/admin?x=/y",
  "/admin/x?/../../y",
];
for (const target of guarded)
  test(`${target} is guarded`, async () => assert.deepEqual(await ask(target), { status: 403, forwarded: null }));

const ambiguous = [
  "/x/..%2fadmin/x",
  "/x%2f..%2fadmin",
  "//admin/x",
  "/%2fadmin/x",
  "/x/..%5cadmin",
  "/%5cadmin/x",
  "/admin%2fx",
  "/admin;a=b/x",
  "/;a/admin/x",
  "/x/..;/admin/x",
  "/x/..;a=b/admin",
  "/x/%252e%252e/admin",
  "/x/..%252fadmin",
  "/admin/..%2fx",
  "/admin/..;/x",
  "/strip/..%2fadmin",
  "/strip/..;/admin",
];
for (const target of ambiguous) {
  test(`${target} never reaches the endpoint`, async () => {
    const { status, forwarded } = await ask(target);
    assert.equal(forwarded, null);
    assert.ok(status === 400 || status === 403, `${status}`);
  });
}

test("the host is compared without regard to case, port and trailing dot", async () => {
  for (const host of [
    "secret.example",
    "SECRET.example",
    "Secret.Example:80",
    "secret.example.",
    "SECRET.EXAMPLE.:8080",
  ])
    assert.deepEqual(await ask("/", host), { status: 403, forwarded: null }, host);
  for (const target of ["http://secret.example/", "HTTP://SECRET.example:99/x"])
    assert.deepEqual(await ask(target), { status: 403, forwarded: null }, target);
});

const rewritten: [string, string][] = [
  ["/strip/x", "/x"],
  ["/strip", "/"],
  ["/strip/", "/"],
  ["/strip?y=1", "/?y=1"],
  ["/strip/a%0d%0aX-Smuggled:%20y", "/a%0D%0AX-Smuggled:%20y"],
  ["/strip/a%20HTTP/1.1%0d%0a", "/a%20HTTP/1.1%0D%0A"],
  ["/strip/x/../y", "/y"],
];
for (const [target, expected] of rewritten)
  test(`${target} is rewritten to ${expected}`, async () =>
    assert.deepEqual(await ask(target), { status: 200, forwarded: expected }));
