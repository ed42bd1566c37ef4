/**
 * A route that guards a path cannot be got around by writing the path otherwise (threats of decoding and normalising
 * twice).
 */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";

const routes = [
  { match: { path: "/admin/*" }, respond: { status: 403, body: "guarded" } },
  { match: { host: "secret.example" }, respond: { status: 403, body: "guarded" } },
  { match: { path: "/strip/*" }, middlewares: [{ rewrite: { stripPrefix: "/strip" } }], upstream: "app" },
  { upstream: "app" },
];

type Ask = (path: string, authority?: string) => Promise<{ status: number; forwarded: string | null }>;

/** Asks one proxy, each time by a connection of its own. */
async function start(harness: Harness): Promise<Ask> {
  const { endpoint, proxy } = await harness.trio({ routes });
  return async (path, authority = "a") => {
    const before = endpoint.requests.length;
    const { status } = await (await harness.speaker(proxy)).ask({ path, authority });
    return { status, forwarded: endpoint.requests[before]?.target ?? null };
  };
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
  "/admin?x=/y",
  "/admin/x?/../../y",
];
for (const target of guarded)
  testOverProtocols(`${target} is guarded`, async (harness) => {
    const ask = await start(harness);
    assert.deepEqual(await ask(target), { status: 403, forwarded: null });
  });

// Only HTTP/1.1 has a whole URL as the target.
for (const target of ["http://b/admin/x", "http://b/x/../admin"])
  testWithHarness(`${target} is guarded`, async (harness) => {
    const ask = await start(harness);
    assert.deepEqual(await ask(target), { status: 403, forwarded: null });
  });

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
  testOverProtocols(`${target} never reaches the endpoint`, async (harness) => {
    const ask = await start(harness);
    const { status, forwarded } = await ask(target);
    assert.equal(forwarded, null);
    assert.ok(status === 400 || status === 403, `${status}`);
  });
}

testOverProtocols("the host is compared without regard to case, port and trailing dot", async (harness) => {
  const ask = await start(harness);
  for (const host of [
    "secret.example",
    "SECRET.example",
    "Secret.Example:80",
    "secret.example.",
    "SECRET.EXAMPLE.:8080",
  ])
    assert.deepEqual(await ask("/", host), { status: 403, forwarded: null }, host);
});

testWithHarness("the host of a target that is a whole URL is compared in the same way", async (harness) => {
  const ask = await start(harness);
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
  testOverProtocols(`${target} is rewritten to ${expected}`, async (harness) => {
    const ask = await start(harness);
    assert.deepEqual(await ask(target), { status: 200, forwarded: expected });
  });
