import assert from "node:assert/strict";
import { test } from "node:test";
import { acmeSchema } from "./acme-options.ts";

test("the shortest section has Let's Encrypt, both challenges of the proxy itself, and names in one form", () => {
  const acme = acmeSchema.parse({ domains: ["WWW.Example.com.", ["example.com", "example.org"]] });
  assert.deepEqual(acme.domains, ["www.example.com", ["example.com", "example.org"]]);
  assert.equal(acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
  assert.deepEqual(acme.challenge, ["tls-alpn-01", "http-01"]);
  assert.equal(acme.storage, null);
});

const names = { domains: ["example.com"] };
const refused: readonly [name: string, section: object, problem: RegExp][] = [
  ["neither names nor demand", {}, /nothing would be issued/],
  ["a wildcard without DNS", { domains: ["*.example.com"] }, /wildcards can only be proven by `dns-01`/],
  ["DNS without a hook", { ...names, challenge: "dns-01" }, /needs `dns`/],
  ["demand without anybody to ask", { onDemand: {} }, /expected string/],
  ["an address", { domains: ["192.0.2.1"] }, /is no name that a certificate authority certifies/],
  ["a name of one label", { domains: ["localhost"] }, /is no name/],
  ["a wildcard in the middle", { domains: ["a.*.example.com"] }, /is no name/],
  ["a directory that is no URL", { ...names, directory: "lets-encrypt" }, /is not a URL/],
  [
    "two storages",
    { ...names, storage: { redis: { url: "redis://a" }, etcd: { urls: ["http://a"] } } },
    /one of `store`, `redis` and `etcd`/,
  ],
  ["a server as a folder", { ...names, storage: "redis://a:6379" }, /is a URL.*redis: \{ url:/],
  ["no storage", { ...names, storage: {} }, /one of `store`, `redis` and `etcd`/],
  ["a key that is none", { ...names, eab: { keyId: "a", hmacKey: "secret!" } }, /no key in base64url/],
];
for (const [name, section, problem] of refused)
  test(`${name}: refused`, () => {
    const result = acmeSchema.safeParse(section);
    assert.equal(result.success, false);
    assert.match(JSON.stringify(result.error?.issues), problem);
    assert.doesNotMatch(JSON.stringify(result.error?.issues.map(({ message }) => message)), /secret!/);
  });
