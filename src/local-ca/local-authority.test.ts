import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { ManualScheduler } from "../base/scheduler.ts";
import { defaultAuthorityFolder } from "./authority-folder.ts";
import { LocalAuthority } from "./local-authority.ts";

const dayMs = 86_400_000;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ca-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The certificates of a PEM text. */
function chainOf(pem: string): X509Certificate[] {
  return [...pem.matchAll(/-----BEGIN[^]*?-----END CERTIFICATE-----/g)].map(([text]) => new X509Certificate(text));
}

const hostA = { names: ["a.test"], addresses: ["127.0.0.1", "::1"] };

test("a certificate names its host, and leads to the root that is to be trusted", async (t) => {
  const authority = new LocalAuthority({ folder: folderOf(t), scheduler: new ManualScheduler() });
  const { certPem, keyPem } = await authority.issue(hostA);
  const [leaf, intermediate] = chainOf(certPem);
  const root = new X509Certificate(await authority.root());
  assert.match(keyPem, /BEGIN PRIVATE KEY/);
  assert.equal(leaf!.subjectAltName, "DNS:a.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
  assert.equal(leaf!.checkIssued(intermediate!) && leaf!.verify(intermediate!.publicKey), true);
  assert.equal(intermediate!.checkIssued(root) && intermediate!.verify(root.publicKey), true);
  assert.equal(root.checkIssued(root) && root.verify(root.publicKey), true);
  assert.deepEqual([leaf!.ca, intermediate!.ca, root.ca], [false, true, true]);
});

test("the folder and its files are nobody else's", async (t) => {
  const folder = join(folderOf(t), "ca");
  await new LocalAuthority({ folder, scheduler: new ManualScheduler() }).issue(hostA);
  assert.equal(statSync(folder).mode & 0o077, 0);
  for (const name of ["root.json", "intermediate.json"]) assert.equal(statSync(join(folder, name)).mode & 0o077, 0);
  assert.deepEqual(
    readdirSync(folder, { recursive: true }).filter((name) => /tmp|lock$/.test(String(name))),
    [],
  );
});

test("several that begin at once have one root", async (t) => {
  const folder = folderOf(t);
  const scheduler = new ManualScheduler();
  const roots = await Promise.all(Array.from({ length: 5 }, () => new LocalAuthority({ folder, scheduler }).root()));
  assert.equal(new Set(roots).size, 1);
  assert.equal(await new LocalAuthority({ folder, scheduler }).knownRoot(), roots[0]);
});

test("nothing outlives what issued it, and the intermediate is replaced in time, under the same root", async (t) => {
  const scheduler = new ManualScheduler();
  const authority = new LocalAuthority({ folder: folderOf(t), scheduler });
  const root = await authority.root();
  const intermediates = new Set<string>();
  const endMs = Date.parse(new X509Certificate(root).validTo);
  for (let days = 0; days < 3_540; days += 20) {
    const [leaf, intermediate] = chainOf((await authority.issue(hostA)).certPem);
    const [leafEnd, issuerEnd] = [leaf!, intermediate!].map(({ validTo }) => Date.parse(validTo));
    assert.ok(leafEnd! <= issuerEnd! && issuerEnd! <= endMs, `day ${days}`);
    assert.ok(issuerEnd! - scheduler.clock.wall() >= 29 * dayMs, `day ${days}`);
    intermediates.add(intermediate!.fingerprint256);
    scheduler.advance(20 * dayMs);
  }
  assert.ok(intermediates.size > 30);
  assert.equal(await authority.root(), root);
  scheduler.advance(60 * dayMs);
  assert.notEqual(await authority.root(), root);
  const [, last] = chainOf((await authority.issue(hostA)).certPem);
  assert.equal(last!.verify(new X509Certificate(await authority.root()).publicKey), true);
});

test("an intermediate that is damaged or another root's is replaced; a damaged root is an error", async (t) => {
  const scheduler = new ManualScheduler();
  const [folder, other] = [folderOf(t), folderOf(t)];
  const authority = (): LocalAuthority => new LocalAuthority({ folder, scheduler });
  await authority().issue(hostA);
  await new LocalAuthority({ folder: other, scheduler }).issue(hostA);
  const root = new X509Certificate(await authority().root());
  for (const text of ["{", readFileSync(join(other, "intermediate.json"), "utf8")]) {
    writeFileSync(join(folder, "intermediate.json"), text);
    const [, intermediate] = chainOf((await authority().issue(hostA)).certPem);
    assert.equal(intermediate!.verify(root.publicKey), true);
  }
  writeFileSync(join(folder, "root.json"), "{}");
  await assert.rejects(authority().root(), /damaged/);
  assert.equal(readFileSync(join(folder, "root.json"), "utf8"), "{}");
});

test("a clock that is late does not cost the root", async (t) => {
  const folder = folderOf(t);
  const scheduler = new ManualScheduler();
  const root = await new LocalAuthority({ folder, scheduler }).root();
  const late = new ManualScheduler(new ManualClock(0, scheduler.clock.wall() - 365 * dayMs));
  const authority = new LocalAuthority({ folder, scheduler: late });
  assert.equal(await authority.root(), root);
  await authority.issue(hostA);
  late.advance(365 * dayMs);
  const [leaf, intermediate] = chainOf((await authority.issue(hostA)).certPem);
  assert.ok(Date.parse(leaf!.validTo) > late.clock.wall() + 6 * dayMs);
  assert.equal(intermediate!.verify(new X509Certificate(root).publicKey), true);
});

test("where it is kept if nobody says", () => {
  assert.equal(defaultAuthorityFolder({ STATE_DIRECTORY: "/var/lib/m:/x", XDG_DATA_HOME: "/d" }), "/var/lib/m/ca");
  assert.equal(defaultAuthorityFolder({ XDG_DATA_HOME: "/d" }), "/d/millrace/ca");
  assert.equal(defaultAuthorityFolder({ MILLRACE_CA_FOLDER: "/own", STATE_DIRECTORY: "/s" }), "/own");
});
