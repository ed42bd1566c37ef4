/**
 * Records that are no endpoints stand beside good ones: bad JSON, wrong types, huge values, thousands of them. The good
 * ones are used, the bad ones are said in a few sentences, and nothing of what they hold is repeated where it might be a
 * secret.
 */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { maxDiscoveredEndpoints } from "../../src/upstream/discovery/discovery.ts";
import { FakeEtcd } from "../support/fake-etcd.ts";
import { follow } from "./followed-source.ts";

const secret = "s3cret-in-a-record";

/** Records as they stand in a store. */
const garbage: readonly string[] = [
  "",
  " ",
  "\0",
  "{",
  "[]",
  "{}",
  "null",
  "7",
  '"http://10.0.0.66:80"',
  '{"url":7}',
  '{"url":["http://10.0.0.66:80"]}',
  '{"url":"http://10.0.0.66:80","weight":"heavy"}',
  '{"url":"http://10.0.0.66:80","weight":-1}',
  '{"url":"http://10.0.0.66:80","weight":1e999}',
  '{"url":"http://10.0.0.66:80","zone":{}}',
  '{"url":"http://10.0.0.66:80","backup":"yes"}',
  `http://user:${secret}@10.0.0.66:80`,
  `{"url":"http://user:${secret}@10.0.0.66:80"}`,
  "http://10.0.0.66:80/path",
  "http://10.0.0.66:99999",
  "javascript:alert(1)",
  "unix:/run/docker.sock",
  "\ud800",
  "x".repeat(300_000),
  `{"url":"${"http://".repeat(50_000)}"}`,
  `${"[".repeat(50_000)}`,
  `{"url":"http://10.0.0.66:80","more":${"[".repeat(20_000)}${"]".repeat(20_000)}`,
];

/** A store of records, and its section of `discovery`. */
interface Store {
  readonly section: Record<string, unknown>;
  put(records: readonly string[]): void;
}

/** Records that are objects, lists or numbers in JSON stand as they are, all others as texts. */
function toJsonList(records: readonly string[]): string {
  return `[${records.map((record) => (isJsonValue(record) ? record : JSON.stringify(record))).join(",")}]`;
}

function isJsonValue(record: string): boolean {
  try {
    return typeof JSON.parse(record) !== "string";
  } catch {
    return false;
  }
}

const stores: Readonly<Record<string, (context: TestContext) => Promise<Store>>> = {
  etcd: async (context) => {
    const etcd = await FakeEtcd.start();
    context.after(() => etcd.close());
    return {
      section: { etcd: { urls: [`http://127.0.0.1:${etcd.port}`], prefix: "/api/" } },
      put: (records) => etcd.replace(Object.fromEntries(records.map((record, at) => [`/api/${at}`, record]))),
    };
  },
  http: async (context) => {
    let body = "[]";
    const server = createServer((_request, response) => void response.end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return {
      section: { http: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` } },
      put(records) {
        body = toJsonList(records);
      },
    };
  },
  file: async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "discovery-garbage-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "endpoints.json");
    writeFileSync(path, "[]");
    return {
      section: { file: path },
      put(records) {
        // The operator's own file may name sockets of this machine.
        writeFileSync(`${path}.new`, toJsonList(records.filter((record) => !record.startsWith("unix:"))));
        renameSync(`${path}.new`, path);
      },
    };
  },
};

const good = (number: number): string => `http://10.0.0.${number}:80`;

for (const [kind, start] of Object.entries(stores)) {
  test(`${kind}: records that are none stand beside good ones`, async (context) => {
    const store = await start(context);
    store.put([good(1), good(2)]);
    const { becomes, lists, said, latest } = await follow(context, store.section);
    await becomes("1,2");
    lists.length = 0;
    said.length = 0;
    store.put([good(1), ...garbage, good(2), good(3)]);
    await becomes("1,2,3");
    assert.deepEqual(
      lists.filter((list) => list !== "1,2" && list !== "1,2,3"),
      [],
    );
    const { refused } = latest()!;
    assert.ok(refused.length > 0 && refused.length <= 25, `${refused.length} sentences`);
    for (const sentence of refused) assert.ok(sentence.length <= 1_000, sentence.slice(0, 100));
    assert.ok(!said.some((text) => text.includes(secret)), "no secret was said");
    store.put([good(4)]);
    await becomes("4");
  });

  test(`${kind}: of thousands of records as many are used as may be, and that is said`, async (context) => {
    const store = await start(context);
    const many = Array.from({ length: maxDiscoveredEndpoints + 10 }, (_, at) => {
      const host = `10.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
      return `http://${host}:80`;
    });
    store.put(many);
    const { latest, until } = await follow(context, store.section);
    await until(() => latest() !== null, "something is said");
    assert.equal(latest()!.endpoints.length, maxDiscoveredEndpoints);
    assert.ok(latest()!.refused.length > 0);
  });
}
