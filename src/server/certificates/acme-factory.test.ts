/** What a source that asks by ACME depends on, beside its own section: the store that it names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../config/parse-config.ts";
import { silentLogger } from "../../observe/logger.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";
import { FakeConsul } from "../../remote/consul/testing/fake-consul.ts";
import { acmeFactory } from "./acme-factory.ts";

const configure = (url: string, storage: string | object = { store: "agent" }) =>
  parseConfig({
    listeners: [
      { address: ":443", tls: { acme: { domains: ["a.example.com"], directory: "http://127.0.0.1:1/", storage } } },
    ],
    routes: [{ respond: { body: "" } }],
    stores: { agent: { consul: { url, token: "token-of-acme" } } },
  });

test("another place of the store is another source, if it is the one that is named", () => {
  const digest = (url: string, storage?: string | object): string => {
    const { listeners, stores } = configure(url, storage);
    return JSON.stringify(acmeFactory.optionsOf(listeners[0]!, stores));
  };
  assert.equal(digest("http://a:8500"), digest("http://a:8500"));
  assert.notEqual(digest("http://a:8500"), digest("http://b:8500"));
  assert.equal(digest("http://a:8500", "/folder"), digest("http://b:8500", "/folder"));
});

test("what is kept is looked for in the store that is named", async (t) => {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  const { listeners, stores } = configure(consul.url);
  const source = await acmeFactory.create(listeners[0]!, {
    logger: silentLogger,
    metrics: new MetricWriter({ onPage: () => {}, pageBytes: 4_096 }),
    functions: () => Promise.reject(new Error("there are none")),
    stores,
  });
  t.after(() => source.close());
  assert.deepEqual(await source.load(), []);
  assert.ok(consul.questions.length > 0);
  assert.ok(
    consul.questions.every(({ path, token }) => path.startsWith("/v1/kv/millrace/acme/") && token === "token-of-acme"),
  );
});
