/** Several instances whose certificates are kept in one of `stores`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeConsul } from "../remote/consul/testing/fake-consul.ts";
import { storesSchema } from "../store/options.ts";
import { FakeAcmeServer } from "./testing/fake-acme-server.ts";
import { createSource, startSource, windUntil, WoundScheduler } from "./testing/source-under-test.ts";

test("of two instances with one store in Consul, one asks the CA and both have the certificate", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await FakeAcmeServer.start(() => scheduler.clock.wall());
  t.after(() => server.close());
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  consul.rights = { "token-of-acme": { services: [], keyPrefix: "millrace/acme/" } };
  const { agent } = storesSchema.parse({ agent: { consul: { url: consul.url, token: "token-of-acme" } } });
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: { store: "agent" } };
  const [first, second] = [0, 1].map(() => createSource(t, acme, { scheduler, store: agent! }));
  await Promise.all([startSource(first!), startSource(second!)]);
  await windUntil(scheduler, () => first!.host.given.length === 1 && second!.host.given.length === 1, 2);
  assert.equal(first!.host.given[0]?.id, second!.host.given[0]?.id);
  assert.equal(server.payloads("/new-order").length, 1);
  assert.equal(server.payloads("/account").length, 1, "and they have one account");
  const keys = consul.values.select("", true).map(([key]) => key);
  assert.ok(
    keys.every((key) => key.startsWith("millrace/acme/")),
    keys.join(),
  );
});
