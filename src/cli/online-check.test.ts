import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseConfig } from "../config/parse-config.ts";
import { FakeConsul } from "../remote/consul/testing/fake-consul.ts";
import { checkOnline } from "./online-check.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-online-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("every source is asked once, and what it says, leaves out or cannot say is told", async (t) => {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  const list = join(folder, "list.yaml");
  writeFileSync(
    list,
    '- http://10.0.0.1:80\n- { url: "http://10.0.0.2:80", weight: 3 }\n- { url: "http://10.0.0.3:80", weight: 0 }\n',
  );
  const empty = join(folder, "empty.yaml");
  writeFileSync(empty, "[]\n");
  const config = parseConfig({
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ upstream: "plain" }],
    upstreams: {
      plain: { endpoints: ["http://a:1"] },
      listed: { discovery: { file: list } },
      none: { discovery: { file: empty } },
      missing: { discovery: { file: join(folder, "nowhere.yaml") } },
      refused: { discovery: { consul: { url: "http://127.0.0.1:1", service: "api" } } },
      empty: { discovery: { consul: { url: consul.url, service: "api" } } },
    },
  });
  const reports = await checkOnline(config);
  assert.deepEqual(
    reports.map(({ isGood }) => isGood),
    [true, true, false, false, true],
  );
  const [listed, none, missing, refused, noService] = reports;
  assert.match(listed?.lines[0] ?? "", /^upstream listed: file .*list\.yaml: 3 endpoints/);
  assert.deepEqual(listed?.lines.slice(1), [
    "  http://10.0.0.1:80",
    "  http://10.0.0.2:80, weight 3",
    "  http://10.0.0.3:80, draining",
  ]);
  for (const one of [none, noService]) assert.match(one?.warnings[0] ?? "", /there is no endpoint$/);
  assert.match(missing?.lines.join() ?? "", /^upstream missing: file .*nowhere\.yaml/);
  assert.match(refused?.lines.join() ?? "", /^upstream refused: Consul .*ECONNREFUSED/);
});
