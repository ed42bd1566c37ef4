import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigurationStatus, ProxyStatus } from "./admin-sources.ts";
import { renderStatusPage } from "./status-page.ts";

const render = (configuration: ConfigurationStatus): string => {
  const status: ProxyStatus = {
    state: "ready",
    configuration,
    listeners: [],
    routes: [],
    upstreams: [],
    certificates: [],
    threads: [],
  };
  return renderStatusPage(status, 1);
};

test("the page tells where the configuration comes from, and what is wrong with its store", () => {
  assert.doesNotMatch(render({ source: null, appliedAt: null, store: null }), /Configuration/);
  assert.match(render({ source: "a<b>.yaml", appliedAt: null, store: null }), /Configuration: a&#60;b&#62;\.yaml<\/p>/);
  const page = render({
    source: "etcd://a:2379/k",
    appliedAt: "2026-11-30T10:00:00.000Z",
    store: {
      instance: "i",
      version: "7",
      isCopy: true,
      isUp: false,
      ageSeconds: null,
      lastError: "connect ECONNREFUSED",
      isMissing: true,
      refused: { version: "8", at: "2026-11-30T10:00:00.000Z", problems: ["1:1: <script>"] },
    },
  });
  for (const part of [
    "etcd://a:2379/k, version 7",
    "the store does not answer: connect ECONNREFUSED",
    "the key is gone",
    "what runs is the copy on the disk",
    "version 8 was refused: 1:1: &#60;script&#62;",
  ])
    assert.ok(page.includes(part), part);
});
