import assert from "node:assert/strict";
import { test } from "node:test";
import { isLocalName, splitProxyArguments } from "./public-names.ts";

for (const [texts, names, endpoints] of [
  ["http://localhost:3000", "", "http://localhost:3000"],
  ["example.com http://localhost:3000", "example.com", "http://localhost:3000"],
  ["Example.COM. www.example.com :3000 :3001", "example.com www.example.com", ":3000 :3001"],
  ["localhost :3000", "localhost", ":3000"],
  ["example.com :3000 api.internal", "example.com", ":3000 api.internal"],
  ["api.internal", "", "api.internal"],
  ["a.internal b.internal", "", "a.internal b.internal"],
  [":3000 api.internal", "", ":3000 api.internal"],
  ["10.0.0.1 :3000", "", "10.0.0.1 :3000"],
  ["3000 :3001", "", "3000 :3001"],
  ["example.com unix:/run/app.sock", "example.com", "unix:/run/app.sock"],
] as const)
  test(`names and endpoints of "${texts}"`, () =>
    assert.deepEqual(splitProxyArguments(texts.split(" ")), {
      names: names === "" ? [] : names.split(" "),
      endpoints: endpoints.split(" "),
    }));

test("names that only an authority of one's own certifies", () => {
  for (const name of ["localhost", "app.localhost", "nas", "a.test", "printer.local", "db.internal", "x.home.arpa"])
    assert.equal(isLocalName(name), true, name);
  for (const name of ["example.com", "localhost.example.com", "internal.example.org", "atest"])
    assert.equal(isLocalName(name), name === "atest", name);
});
