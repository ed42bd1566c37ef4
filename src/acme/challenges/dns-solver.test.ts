/** Records by hooks, looked for at a name server that a test writes. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasPebble, PebbleServer } from "../../../test/support/pebble-server.ts";
import { AcmeError } from "../client/acme-error.ts";
import type { Challenge } from "./challenge.ts";
import { createCommandHook, createFunctionHook, type RecordChange } from "./dns-hook.ts";
import { createDnsSolver } from "./dns-solver.ts";

const challengeOf = (name: string, token: string): Challenge => ({
  type: "dns-01",
  name,
  token,
  keyAuthorization: `${token}.print`,
});
const [own, wild] = [challengeOf("example.com", "one"), challengeOf("example.com", "two")];

test("a name and its wildcard have two values, and each is removed alone, also if adding has failed", async () => {
  const records = new Set<string>();
  const changes: RecordChange[] = [];
  const solver = createDnsSolver({
    hook: async (change) => {
      changes.push(change);
      if (change.action === "remove") records.delete(change.value);
      else records.add(change.value);
      if (change.action === "add" && records.size === 2) throw new Error("too slow");
    },
    waitMs: 0,
    resolvers: ["127.0.0.1:1"],
    wait: async () => {},
  });
  await solver.present(own);
  await assert.rejects(solver.present(wild), /too slow/);
  assert.equal(records.size, 2);
  await solver.remove(own);
  assert.equal(records.size, 1);
  await solver.remove(wild);
  await solver.remove(wild);
  assert.deepEqual([...records], []);
  assert.equal(changes.filter(({ action }) => action === "remove").length, 2, "nothing is removed that was not added");
  assert.ok(changes.every(({ record, name }) => record === "_acme-challenge.example.com" && name === "example.com"));
});

const options = { skip: hasPebble ? false : "pebble is not installed" };

test("an alias is followed, and the CA is told when every name server shows the record", options, async (t) => {
  const pebble = await PebbleServer.start();
  t.after(() => pebble.close());
  await pebble.askNames("set-cname", { host: "_acme-challenge.example.com.", target: "proofs.example.net." });
  const waits: number[] = [];
  const pending: RecordChange[] = [];
  const solver = createDnsSolver({
    hook: async (change) => void pending.push(change),
    waitMs: 5_000,
    resolvers: [pebble.dnsAddress],
    wait: async (ms) => {
      waits.push(ms);
      const change = pending.pop();
      if (change !== undefined && waits.length > 1)
        await pebble.askNames("set-txt", { host: `${change.record}.`, value: change.value });
    },
  });
  await solver.present(own);
  assert.equal(pending[0]?.record, "proofs.example.net");
  pending.push(...pending);
  await solver.ready([own]);
  assert.equal(waits.length, 2);
  await solver.present(wild);
  pending.length = 0;
  await assert.rejects(
    solver.ready([own, wild]),
    (error) =>
      error instanceof AcmeError && error.type === "challenge" && /not at all of the name servers/.test(error.message),
  );
});

test("without name servers to ask, the time is waited", async () => {
  const waits: number[] = [];
  const solver = createDnsSolver({
    hook: async () => {},
    waitMs: 30_000,
    resolvers: [],
    wait: async (ms) => void waits.push(ms),
  });
  await solver.ready([own]);
  assert.deepEqual(waits, [30_000]);
});

const change: RecordChange = { action: "add", record: "_acme-challenge.example.com", value: "v", name: "example.com" };

test("a command gets the change as arguments and variables, past any shell, and what it says of a failure is told", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-hook-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "hook");
  const out = join(folder, "out");
  writeFileSync(
    path,
    `#!/bin/sh\nprintf '%s|' "$@" "$MILLRACE_ACTION" "$MILLRACE_RECORD" "$MILLRACE_VALUE" "$MILLRACE_NAME" > "${out}"\n`,
  );
  chmodSync(path, 0o755);
  await createCommandHook([path, "$(x)"], 10_000)({ ...change, value: "a b" });
  assert.equal(
    readFileSync(out, "utf8"),
    "$(x)|add|_acme-challenge.example.com|a b|add|_acme-challenge.example.com|a b|example.com|",
  );
  writeFileSync(path, "#!/bin/sh\necho first >&2\necho no such zone >&2\nexit 3\n");
  await assert.rejects(createCommandHook([path], 10_000)(change), /could not add .*: no such zone/);
  writeFileSync(path, "#!/bin/sh\nexec cat\n");
  await createCommandHook([path], 10_000)(change);
  writeFileSync(path, "#!/bin/sh\nexec sleep 60\n");
  await assert.rejects(createCommandHook([path], 50)(change), /took too long/);
  await assert.rejects(createCommandHook([join(folder, "none")], 10_000)(change), /ENOENT/);
});

test("a function may fail, or take too long", async () => {
  const seen: RecordChange[] = [];
  await createFunctionHook((one) => void seen.push(one), 10_000)(change);
  assert.deepEqual(seen, [change]);
  const failing = createFunctionHook(() => {
    throw new Error("no such zone");
  }, 10_000);
  await assert.rejects(failing(change), (error) => error instanceof AcmeError && /no such zone/.test(error.message));
  const endless = createFunctionHook(() => new Promise(() => {}), 20);
  await assert.rejects(endless(change), /too long/);
});
