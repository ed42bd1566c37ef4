import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamSchema } from "./options.ts";

const problemsOf = (upstream: unknown): string[] =>
  (upstreamSchema.safeParse(upstream).error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);

test("TLS to endpoints is verified, and has no section of its own unless something is said of it", () => {
  const plain = upstreamSchema.parse({ endpoints: ["https://a.test"] });
  assert.equal(plain.tls, null);
  assert.equal(plain.endpoints[0]?.url, "https://a.test:443");
  const { tls } = upstreamSchema.parse({ endpoints: ["https://a.test"], tls: {} });
  assert.deepEqual([tls?.verify, tls?.minVersion, tls?.ca, tls?.texts.id], [true, "1.2", null, ""]);
});

test("what would be TLS in name only is refused", () => {
  const cases: [tls: object, problem: RegExp][] = [
    [{ cert: "a.pem" }, /^tls.cert: the certificate has no key/],
    [{ key: "a.key" }, /^tls.key: the key has no certificate/],
    [{ crl: "a.crl" }, /^tls.crl: revocation lists need the authorities/],
    [{ verify: false, ca: "a.pem" }, /^tls.ca: with `verify: false` nothing is trusted/],
    [{ serverName: "0x7f.1" }, /^tls.serverName: "0x7f.1" is neither a host name nor an address/],
    [{ serverName: "*.a.test" }, /^tls.serverName: /],
    [{ ca: "" }, /^tls.ca: /],
    [{ minVersion: "1.1" }, /^tls.minVersion: /],
  ];
  for (const [tls, problem] of cases) {
    const problems = problemsOf({ endpoints: ["https://a.test"], tls });
    assert.equal(problems.length, 1, problems.join());
    assert.match(problems[0] ?? "", problem);
  }
});

test("a section about TLS without an endpoint that speaks it is a mistake", () => {
  assert.match(problemsOf({ endpoints: ["http://a.test"], tls: {} }).join(), /^tls: no endpoint speaks TLS/);
  assert.deepEqual(problemsOf({ endpoints: ["http://a.test", "https://a.test"], tls: {} }), []);
});
