import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { parseConfig } from "../../config/parse-config.ts";
import type { Config } from "../../config/schema.ts";
import { answerOcsp } from "../../net/testing/ocsp-responder.ts";
import { ocspRequest, ocspSubjectOf } from "../../net/tls/ocsp.ts";
import { TestAuthority, type TestCertificate } from "../../net/testing/test-authority.ts";
import type { CertificateHost, CertificateSource } from "../../net/tls/certificate-source.ts";
import { readCertificate } from "../../net/tls/read-certificate.ts";
import type { CertificateMaterial, TlsMaterial } from "../../net/tls/tls-material.ts";
import { CertificateKeeper } from "./certificate-keeper.ts";
import type { SourceFactory } from "./source-factory.ts";
import type { AskResponder } from "./stapler.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";

let authority: TestAuthority;
let a: TestCertificate;
let b: TestCertificate;
before(async () => {
  authority = await TestAuthority.create();
  a = await authority.issue({ names: ["a.test"] });
  b = await authority.issue({ names: ["b.test", "*.b.test"] });
});

interface Scene {
  readonly keeper: CertificateKeeper;
  readonly lines: string[];
  readonly folder: string;
  /** Writes a file as whoever takes care does: the old one is there until the new one is. */
  write(name: string, text: string | Buffer): string;
  /** The next change. */
  changed(): Promise<TlsMaterial>;
  install(tls: object): Promise<TlsMaterial>;
}

function build(t: TestContext, factories: readonly SourceFactory[] = [], ask?: AskResponder): Scene {
  const folder = mkdtempSync(join(tmpdir(), "millrace-certificates-"));
  const lines: string[] = [];
  const log = (message: string, fields: object = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  let waiting: PromiseWithResolvers<TlsMaterial> | null = null;
  const keeper = new CertificateKeeper({
    logger: { debug: log, info: log, warn: log, error: log },
    metrics: new MetricWriter({ onPage: () => {}, pageBytes: 4_096 }),
    factories,
    ...(ask !== undefined && { ask }),
    onChange: async () => {
      waiting?.resolve(keeper.material);
      waiting = null;
    },
  });
  t.after(() => {
    keeper.close();
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, text: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return path;
  };
  return {
    keeper,
    lines,
    folder,
    write,
    changed: () => (waiting ??= Promise.withResolvers()).promise,
    async install(tls) {
      const material = await keeper.prepare(configOf(tls));
      keeper.commit();
      return material;
    },
  };
}

function configOf(tls: object): Config {
  return parseConfig({
    listeners: [
      { name: "plain", address: "127.0.0.1:0" },
      { name: "secure", address: "127.0.0.1:1", tls },
    ],
    routes: [{ respond: {} }],
  });
}

function namesOf(material: TlsMaterial): readonly (readonly string[])[] {
  return (material.listeners.get("secure")?.certificates ?? []).map((id) => material.certificates.get(id)?.names ?? []);
}

const pair = ({ write }: Scene, name: string, { cert, key }: TestCertificate): { cert: string; key: string } => ({
  cert: write(`${name}.pem`, cert),
  key: write(`${name}.key`, key),
});

test("certificates are read in their order, and only listeners with TLS have any", async (t) => {
  const scene = build(t);
  const material = await scene.install({ certificates: [pair(scene, "a", a), pair(scene, "b", b)] });
  assert.deepEqual(namesOf(material), [["a.test"], ["b.test", "*.b.test"]]);
  assert.deepEqual([...material.listeners.keys()], ["secure"]);
  assert.deepEqual(scene.lines, []);
});

test("text around the blocks, CRLF and a chain in its own file do no harm", async (t) => {
  const scene = build(t);
  const cert = scene.write("a.pem", `subject=CN = a.test\r\n${a.cert.replaceAll("\n", "\r\n")}trailing`);
  const material = await scene.install({
    certificates: [{ cert, key: scene.write("a.key", a.key), chain: scene.write("chain.pem", authority.root) }],
  });
  const [certificate] = material.certificates.values();
  assert.equal(certificate?.certPem, a.cert + authority.root);
});

test("a configuration whose files cannot be used is refused with every file and reason", async (t) => {
  const scene = build(t);
  const good = pair(scene, "a", a);
  const bad = (name: string, text: string): string => scene.write(name, text);
  const cases: [certificate: object, RegExp][] = [
    [{ ...good, cert: join(scene.folder, "missing.pem") }, /missing\.pem: .*the file is not there/],
    [{ ...good, cert: scene.folder }, /the file is a folder/],
    [{ ...good, cert: bad("empty.pem", "") }, /empty\.pem: .*holds no certificate/],
    [
      { ...good, cert: bad("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") },
      /cannot be read/,
    ],
    [{ ...good, cert: bad("other.pem", b.cert) }, /other\.pem: .*does not belong to its key: the public keys differ/],
    [{ ...good, cert: bad("order.pem", authority.root + a.cert) }, /order\.pem: .*in the wrong order/],
    [{ ...good, key: bad("bad.key", "no key") }, /no private key that can be read/],
  ];
  for (const [certificate, sentence] of cases)
    await assert.rejects(scene.keeper.prepare(configOf({ certificates: [certificate] })), sentence);
  await assert.rejects(
    scene.keeper.prepare(configOf({ certificates: [good], clientAuth: { ca: bad("ca.pem", "") } })),
    /ca\.pem: .*holds no certificate/,
  );
  await assert.rejects(
    scene.keeper.prepare(configOf({ certificates: [good], tickets: { secret: bad("short", "too short") } })),
    /short: .*at least 32 bytes/,
  );
  assert.equal(scene.keeper.material.certificates.size, 0);
});

test("revocation lists have to be there for every authority, or not at all", async (t) => {
  const scene = build(t);
  const other = await TestAuthority.create("Other");
  const ca = scene.write("ca.pem", authority.root + other.root);
  const certificates = [pair(scene, "a", a)];
  const crl = scene.write("crl.pem", await authority.revoke([b]));
  await assert.rejects(
    scene.keeper.prepare(configOf({ certificates, clientAuth: { ca, crl } })),
    /crl\.pem: .*holds no list of "CN=Other"/,
  );
  const both = [crl, scene.write("other.crl", await other.revoke([], -1))];
  const material = await scene.install({ certificates, clientAuth: { ca, crl: both } });
  assert.ok((material.listeners.get("secure")?.clientAuth?.crlEndMs ?? Infinity) < Date.now());
  assert.match(scene.lines.join("\n"), /out of date: no client is let in/);
});

test("what people should know is said once: expired, not yet valid, keys that everybody may read", async (t) => {
  const scene = build(t);
  const old = pair(scene, "old", await authority.issue({ names: ["old.test"], fromDays: -9, toDays: -1 }));
  const early = pair(scene, "early", await authority.issue({ names: ["early.test"], fromDays: 1 }));
  const open = pair(scene, "open", a);
  chmodSync(open.key, 0o644);
  const tls = { certificates: [old, early, open] };
  await scene.install(tls);
  await scene.install(tls);
  assert.equal(scene.lines.length, 3, scene.lines.join("\n"));
  assert.match(scene.lines.join("\n"), /old\.pem has expired/);
  assert.match(scene.lines.join("\n"), /early\.pem is not valid yet/);
  assert.match(scene.lines.join("\n"), /open\.key is a private key that everybody on this machine may read/);
});

test("a replaced pair is taken without a reload; a broken one changes nothing and is told", async (t) => {
  const scene = build(t);
  const certificates = [pair(scene, "a", a), pair(scene, "b", b)];
  const before = await scene.install({ certificates });
  const renewed = await authority.issue({ names: ["a.test", "www.a.test"] });
  const told = scene.changed();
  // First half of the pair alone: the keys differ, the old pair stays.
  scene.write("a.pem", renewed.cert);
  scene.write("a.key", renewed.key);
  const after = await told;
  assert.deepEqual(namesOf(after)[0], ["a.test", "www.a.test"]);
  assert.equal(
    after.certificates.get(after.listeners.get("secure")?.certificates[1] ?? ""),
    before.certificates.get(before.listeners.get("secure")?.certificates[1] ?? ""),
    "what stays is the same object",
  );
  scene.write("a.pem", "broken");
  const next = scene.changed();
  const other = await authority.issue({ names: ["c.test"] });
  scene.write("b.key", other.key);
  scene.write("b.pem", other.cert);
  assert.deepEqual(namesOf(await next), [["a.test", "www.a.test"], ["c.test"]]);
  assert.match(scene.lines.join("\n"), /a\.pem: the file holds no certificate/);
  await assert.rejects(scene.keeper.refresh(), /a\.pem: .*holds no certificate/);
  assert.deepEqual(namesOf(scene.keeper.material), [["a.test", "www.a.test"], ["c.test"]]);
});

test("a certificate that has expired does not take the place of one that has not", async (t) => {
  const scene = build(t);
  const before = await scene.install({ certificates: [pair(scene, "a", a), pair(scene, "b", b)] });
  const expired = await authority.issue({ names: ["a.test"], fromDays: -9, toDays: -1 });
  scene.write("a.key", expired.key);
  scene.write("a.pem", expired.cert);
  const next = scene.changed();
  const renewed = await authority.issue({ names: ["c.test"] });
  scene.write("b.key", renewed.key);
  scene.write("b.pem", renewed.cert);
  const after = await next;
  assert.deepEqual(namesOf(after), [["a.test"], ["c.test"]]);
  const first = ({ listeners }: TlsMaterial): string | undefined => listeners.get("secure")?.certificates[0];
  assert.equal(first(after), first(before));
  assert.match(scene.lines.join("\n"), /a\.pem: the file holds a certificate that has expired; the one before has not/);
});

test("staples come from a file, or from the responder that the certificate names", async (t) => {
  const asked = await authority.issue({ names: ["asked.test"], responder: "http://ocsp.test/" });
  const scene = build(t, [], (_url, question) => answerOcsp(question, { authority, good: [asked] }));
  const chain = scene.write("root.pem", authority.root);
  const ocsp = scene.write(
    "a.ocsp",
    await answerOcsp(ocspRequest(ocspSubjectOf([a.cert, authority.root])!), { authority, good: [a] }),
  );
  const fromFile = { ...pair(scene, "a", a), chain, ocsp };
  const off = { ...pair(scene, "off", asked), chain, ocsp: "off" };
  const staplesOf = (material: TlsMaterial): boolean[] =>
    [...material.certificates.values()].map((certificate) => certificate.ocsp !== null);
  const bad = { ...pair(scene, "b", b), chain, ocsp };
  assert.deepEqual(staplesOf(await scene.install({ certificates: [fromFile, off, bad] })), [true, false, false]);
  assert.match(scene.lines.join("\n"), /a\.ocsp says nothing of this certificate; nothing is stapled/);
  const later = scene.changed();
  await scene.install({ certificates: [fromFile, { ...off, ocsp: "auto" }] });
  assert.deepEqual(staplesOf(await later), [true, true]);
});

test("a source stays while its options do, gives when it likes, and is closed when it is gone", async (t) => {
  const events: string[] = [];
  let host: CertificateHost | null = null;
  const materialOf = ({ cert, key }: TestCertificate): CertificateMaterial => readCertificate({ cert, key }).material;
  const create = async (): Promise<CertificateSource> => ({
    load: async () => [materialOf(a)],
    start: (given) => {
      events.push("start");
      host = given;
    },
    want: async (name) => void events.push(`want ${name}`),
    close: () => void events.push("close"),
  });
  let options: object | null = { of: "source" };
  const scene = build(t, [{ key: "test", optionsOf: ({ tls }) => (tls === null ? null : options), create }]);
  const files = pair(scene, "b", b);
  assert.deepEqual(namesOf(await scene.install({ certificates: [files] })), [["b.test", "*.b.test"], ["a.test"]]);
  await scene.install({ certificates: [files], unknownName: "refuse" });
  assert.deepEqual(events, ["start"]);
  assert.equal(scene.keeper.material.listeners.get("secure")?.isOnDemand, true);
  const given = scene.changed();
  await host!.give([materialOf(await authority.issue({ names: ["d.test"] }))]);
  assert.deepEqual(namesOf(await given)[1], ["d.test"]);
  await host!.setHttpChallenge("token", "token.print");
  assert.equal(scene.keeper.material.challenges.http.get("token"), "token.print");
  await scene.keeper.want("secure", "x.test", "certificate");
  await scene.keeper.want("plain", "y.test", "certificate");
  options = null;
  await scene.install({ certificates: [files] });
  assert.deepEqual(events, ["start", "want x.test", "close"]);
});
