import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { TestAuthority } from "../testing/test-authority.ts";
import { isCertificateFor, serverNameOf, toPeerName } from "./peer-name.ts";

test("a host becomes the one spelling that is compared, or nothing", () => {
  const table: [host: string, kind: "dns" | "ip" | null, text?: string][] = [
    ["API.internal", "dns", "api.internal"],
    ["api.internal.", "dns", "api.internal"],
    ["my_service", "dns", "my_service"],
    ["localhost", "dns", "localhost"],
    ["127.0.0.1", "ip", "127.0.0.1"],
    ["::1", "ip", "::1"],
    ["0:0:0:0:0:0:0:1", "ip", "::1"],
    ["::ffff:127.0.0.1", "ip", "127.0.0.1"],
    ["fe80::1%eth0", "ip", "fe80::1"],
    // What the system would take for 127.0.0.1.
    ["0177.0.0.1", null],
    ["127.1", null],
    ["2130706433", null],
    ["0x7f.0.0.1", null],
    ["0x7f000001", null],
    ["127.0.0.0x1", null],
    ["127.0.0.1.", null],
    ["\uff11\uff12\uff17.0.0.1", null],
    ["127\u30020.0.1", null],
    [".test", null],
    ["a..test", null],
    ["*.a.test", null],
    ["a.test\0.evil", null],
    ["a test", null],
    ["", null],
  ];
  for (const [host, kind, text = ""] of table)
    assert.deepEqual(toPeerName(host), kind === null ? null : { kind, text }, JSON.stringify(host));
});

test("an address is not asked for by name", () => {
  assert.equal(serverNameOf(toPeerName("127.0.0.1")!), null);
  assert.equal(serverNameOf(toPeerName("api.internal")!), "api.internal");
});

test("a certificate holds for its alternative names alone", async () => {
  const authority = await TestAuthority.create();
  const holds = async (wish: Parameters<TestAuthority["issue"]>[0], host: string): Promise<boolean> =>
    isCertificateFor(new X509Certificate((await authority.issue(wish)).cert), toPeerName(host)!);
  const table: [wish: Parameters<TestAuthority["issue"]>[0], host: string, expected: boolean][] = [
    [{ names: ["a.test"] }, "A.Test.", true],
    [{ names: ["A.TEST"] }, "a.test", true],
    [{ names: ["a.test"] }, "b.test", false],
    [{ names: ["a.test"] }, "x.a.test", false],
    [{ names: ["*.a.test"] }, "x.a.test", true],
    [{ names: ["*.a.test"] }, "a.test", false],
    [{ names: ["*.a.test"] }, "y.x.a.test", false],
    [{ names: ["x*.a.test"] }, "xy.a.test", false],
    [{ names: ["y.*.a.test"] }, "y.x.a.test", false],
    [{ names: ["*"] }, "localhost", false],
    [{ names: ["*.test"] }, "a.test", false],
    // The subject says nothing, with or without other names.
    [{ subject: "CN=a.test" }, "a.test", false],
    [{ subject: "CN=127.0.0.1" }, "127.0.0.1", false],
    [{ subject: "CN=a.test", names: ["b.test"] }, "a.test", false],
    [{ names: ["a.test\0.evil.test"] }, "a.test", false],
    [{ ips: ["127.0.0.1"] }, "127.0.0.1", true],
    [{ ips: ["127.0.0.1"] }, "127.0.0.2", false],
    [{ ips: ["::1"] }, "0:0::1", true],
    // An address as a host name is neither.
    [{ names: ["127.0.0.1"] }, "127.0.0.1", false],
    [{ names: ["*.0.0.1"] }, "127.0.0.1", false],
    [{ ips: ["127.0.0.1"] }, "localhost", false],
  ];
  for (const [wish, host, expected] of table)
    assert.equal(await holds(wish, host), expected, `${JSON.stringify(wish)} for ${host}`);
});
