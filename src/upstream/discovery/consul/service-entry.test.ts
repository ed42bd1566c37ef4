import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { type InstanceRules, readServiceEntry } from "./service-entry.ts";

const rules: InstanceRules = { passing: false, scheme: null };

interface Instance {
  readonly service?: object;
  readonly node?: object;
  readonly checks?: unknown;
}

function entry({ service = {}, node = {}, checks = [] }: Instance = {}): object {
  return {
    Node: { ID: "node-id", Node: "node-1", Address: "10.0.0.1", ...node },
    Service: { ID: "api-1", Service: "api", Address: "10.0.0.2", Port: 80, Tags: [], Meta: {}, ...service },
    Checks: checks,
  };
}

const check = (status: string, name = "port is open", id = "service:api-1"): object => ({
  Status: status,
  Name: name,
  CheckID: id,
});

function read(instance: Instance, own: Partial<InstanceRules> = {}): ListedEndpoint {
  const result = readServiceEntry(entry(instance), { ...rules, ...own });
  assert.ok(typeof result === "object", String(result));
  return result;
}

function refusal(instance: unknown, own: Partial<InstanceRules> = {}): string {
  const result = readServiceEntry(instance, { ...rules, ...own });
  assert.ok(typeof result === "string", JSON.stringify(result));
  return result;
}

test("an instance is at its address, or at its node's if it has none", () => {
  assert.equal(read({}).url, "http://10.0.0.2:80");
  assert.equal(read({ service: { Address: "" } }).url, "http://10.0.0.1:80");
  assert.equal(read({ service: { Address: undefined } }).url, "http://10.0.0.1:80");
  assert.equal(read({ service: { Address: "2001:DB8::1" } }).url, "http://[2001:db8::1]:80");
  assert.equal(read({ service: { Address: "api.internal" } }).url, "http://api.internal:80");
  assert.match(refusal(entry({ service: { Address: "" }, node: { Address: "" } })), /"api-1" has no address/);
});

test("what cannot be an address is refused, and nothing else with it", () => {
  assert.match(refusal(entry({ service: { Port: 0 } })), /^"api-1" has no port$/);
  assert.match(refusal(entry({ service: { Port: "80" } })), /no port/);
  assert.match(refusal(entry({ service: { Port: 70_000 } })), /70000/);
  assert.match(refusal(entry({ service: { Address: "a b" } })), /^"api-1": /);
  assert.doesNotMatch(refusal(entry({ service: { Address: "user:secret@host" } })), /secret/);
  assert.match(refusal(entry({ service: { Port: 0, SocketPath: "/run/docker.sock" } })), /no port/);
  for (const nonsense of [null, 7, "text", [], {}, { Service: [] }, { Service: null, Node: 3, Checks: "x" }])
    assert.match(refusal(nonsense), /^an instance without an id has no port$/);
});

test("checks of the instance and of its node decide, the worst of them", () => {
  const [passing, warning, critical] = [check("passing"), check("warning"), check("critical", "disk", "node:disk")];
  assert.equal(read({ checks: [] }).weight, 1);
  assert.equal(read({ checks: null }).weight, 1);
  assert.equal(read({ checks: [passing, warning] }).weight, 1);
  assert.match(refusal(entry({ checks: [passing, warning, critical] })), /^"api-1" is critical by its check "disk"$/);
  assert.match(refusal(entry({ checks: [check("sleeping")] })), /is critical by its check/, "an unknown word");
  assert.match(refusal(entry({ checks: [warning] }), { passing: true }), /warning of its check "port is open"/);
  const nodeMaintenance = check("critical", "Node Maintenance Mode", "_node_maintenance");
  const ownMaintenance = check("critical", "Service Maintenance Mode", "_service_maintenance:api-1");
  assert.match(refusal(entry({ checks: [nodeMaintenance] })), /^"api-1" is in maintenance$/);
  assert.match(refusal(entry({ checks: [passing, ownMaintenance] })), /^"api-1" is in maintenance$/);
});

test("its weight is the one of its state", () => {
  const service = { Weights: { Passing: 10, Warning: 2 } };
  assert.equal(read({ service }).weight, 10);
  assert.equal(read({ service, checks: [check("warning")] }).weight, 2);
  assert.equal(read({ service: { Weights: { Passing: 10, Warning: 0 } }, checks: [check("warning")] }).weight, 0);
  assert.match(refusal(entry({ service: { Weights: { Passing: -1, Warning: 1 } } })), /weight/);
  assert.match(refusal(entry({ service: { Weights: { Passing: "many", Warning: 1 } } })), /weight/);
});

test("scheme, zone and backup are said in its meta; a scheme of the configuration outranks it", () => {
  const service = { Meta: { "millrace-scheme": "https", "millrace-zone": "a", "millrace-backup": "true" } };
  const endpoint = read({ service });
  assert.deepEqual([endpoint.url, endpoint.zone, endpoint.backup], ["https://10.0.0.2:80", "a", true]);
  assert.equal(read({ service }, { scheme: "http" }).url, "http://10.0.0.2:80");
  assert.match(refusal(entry({ service: { Meta: { "millrace-scheme": "unix" } } })), /has the scheme "unix"/);
  assert.equal(read({ service: { Locality: { Zone: "b" } } }).zone, "b");
  assert.equal(read({ node: { Locality: { Zone: "c" } } }).zone, "c");
  assert.equal(read({ service: { Locality: { Zone: "" } } }).zone, null);
});

test("another instance at the same address is another endpoint", () => {
  const identities = [
    read({}).identity,
    read({ service: { ID: "api-2" } }).identity,
    read({ node: { ID: "other" } }).identity,
  ];
  assert.equal(new Set(identities).size, 3);
  assert.equal(read({ node: { ID: "" } }).identity, "node-1/api-1");
  assert.equal(read({ service: { ID: "x".repeat(1_000) } }).identity?.length, 256);
});
