import assert from "node:assert/strict";
import { test } from "node:test";
import { discoverySchema } from "../upstream/discovery/options.ts";
import { withDiscoveryPaths } from "./discovery-paths.ts";

test("paths in discovery are relative to the folder of the configuration", () => {
  const file = withDiscoveryPaths(discoverySchema.parse({ file: "a.yaml", lastGood: "good" }), "/etc/millrace");
  assert.deepEqual([file.file, file.lastGood], ["/etc/millrace/a.yaml", "/etc/millrace/good"]);
  const absolute = withDiscoveryPaths(discoverySchema.parse({ file: "/a.yaml", lastGood: false }), "/etc/millrace");
  assert.deepEqual([absolute.file, absolute.lastGood], ["/a.yaml", false]);
});

test("the files of TLS and of a token are found in the section of a kind", () => {
  const written = {
    service: "app",
    namespace: "default",
    apiServer: "https://10.0.0.1",
    tokenFile: "token",
    tls: { ca: "ca.pem", cert: "/c.pem", key: "k.pem", serverName: "kubernetes" },
  };
  const { kubernetes, lastGood } = withDiscoveryPaths(discoverySchema.parse({ kubernetes: written }), "/etc/millrace");
  assert.equal(kubernetes?.tokenFile, "/etc/millrace/token");
  assert.deepEqual(kubernetes.tls, {
    ca: "/etc/millrace/ca.pem",
    cert: "/c.pem",
    key: "/etc/millrace/k.pem",
    serverName: "kubernetes",
    verify: true,
  });
  assert.equal(kubernetes.service, "app");
  assert.equal(lastGood, null);
});
