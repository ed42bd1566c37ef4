import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./parse-config.ts";
import { withAbsolutePaths } from "./relative-paths.ts";

test("the files of a discovery are relative to the configuration, too", () => {
  const config = parseConfig({
    listeners: [{ address: ":80" }],
    routes: [{ upstream: "a" }, { upstream: "b" }],
    upstreams: {
      a: { discovery: { file: "endpoints.yaml", lastGood: "state" } },
      b: { endpoints: ["http://b:1"] },
    },
  });
  const { a, b } = withAbsolutePaths(config, "/etc/millrace").upstreams;
  assert.deepEqual(
    [a?.discovery?.file, a?.discovery?.lastGood],
    ["/etc/millrace/endpoints.yaml", "/etc/millrace/state"],
  );
  assert.equal(b, config.upstreams["b"]);
});
