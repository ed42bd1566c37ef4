import assert from "node:assert/strict";
import { test } from "node:test";
import { readEndpointRecord } from "./endpoint-record.ts";

const plain = { socketPath: null, weight: 1, backup: false, zone: null, identity: null };

test("a record is a URL, or an object with a URL and what else is known", () => {
  const api = { ...plain, url: "http://10.0.0.1:8081", host: "10.0.0.1", port: 8081 };
  assert.deepEqual(readEndpointRecord("http://10.0.0.1:8081"), api);
  assert.deepEqual(readEndpointRecord(" http://10.0.0.1:8081/\n"), api);
  assert.deepEqual(readEndpointRecord('{"url":"HTTP://10.0.0.1:8081"}'), api);
  assert.deepEqual(readEndpointRecord({ url: "http://10.0.0.1:8081", somebodyElses: 1 }), api);
  assert.deepEqual(
    readEndpointRecord('{"url":"https://b.internal","weight":0,"zone":"eu-1a","backup":true,"identity":"pod-7"}'),
    {
      url: "https://b.internal:443",
      host: "b.internal",
      port: 443,
      socketPath: null,
      weight: 0,
      backup: true,
      zone: "eu-1a",
      identity: "pod-7",
    },
  );
});

test("names may begin with any number, and addresses be private", () => {
  for (const url of ["http://0.pool.internal:80", "http://224.a:80", "http://127.0.0.1:80", "http://[fd00::1]:80"])
    assert.equal((readEndpointRecord(url) as { url: string }).url, url);
});

test("what is no endpoint is said in a short sentence without secrets, never thrown", () => {
  const cases: [record: unknown, sentence: RegExp][] = [
    ["", /empty/],
    ["\0", /not the URL/],
    ["10.0.0.1:80", /write "http:/],
    ["{", /not JSON/],
    ["[]", /not the URL/],
    ["{}", /no "url"/],
    ["x".repeat(5_000), /too long/],
    [{ url: `http://${"x".repeat(3_000)}` }, /^"http:\/\/x{93}…" is not the URL/],
    [{ url: 7 }, /no "url"/],
    [[], /an object/],
    [null, /an object/],
    [7, /an object/],
    ["http://user:secret@a", /user name/],
    ["http://user:sec/ret@a", /user name/],
    ["http://a/path", /has a path/],
    ["ftp://a", /scheme/],
    ["unix:/run/docker.sock", /socket of this machine/],
    ["http://169.254.169.254", /no address of a service/],
    ["http://[::ffff:169.254.169.254]:80", /no address of a service/],
    ["http://[0:0:0:0:0:FFFF:a9fe:a9fe]:80", /no address of a service/],
    ["http://[fe80::1%25eth0]:80", /no address of a service/],
    ["http://0.0.0.0:80", /no address of a service/],
    [{ url: "http://a", weight: -1 }, /weight/],
    [{ url: "http://a", weight: 1.5 }, /weight/],
    [{ url: "http://a", weight: "1" }, /weight/],
    [{ url: "http://a", weight: 65_536 }, /weight/],
    [{ url: "http://a", zone: "a b" }, /zone/],
    [{ url: "http://a", backup: "no" }, /backup/],
    [{ url: "http://a", identity: "x".repeat(257) }, /identity/],
  ];
  for (const [record, sentence] of cases) {
    const read = readEndpointRecord(record);
    assert.ok(typeof read === "string", JSON.stringify(record));
    assert.match(read, sentence);
    assert.ok(read.length <= 250, read);
    assert.doesNotMatch(read, /secret|sec\/ret/);
  }
});

test("only a source of this machine may name its sockets", () => {
  assert.deepEqual(readEndpointRecord("unix:/run/a.sock", { allowsSockets: true }), {
    ...plain,
    url: "unix:/run/a.sock",
    host: null,
    port: 0,
    socketPath: "/run/a.sock",
  });
});
