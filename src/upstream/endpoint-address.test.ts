import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpointAddress } from "./endpoint-address.ts";

test("addresses of endpoints are read into one spelling", () => {
  const table: [text: string, url: string, host: string | null, port: number, socketPath: string | null][] = [
    ["http://127.0.0.1:8081", "http://127.0.0.1:8081", "127.0.0.1", 8081, null],
    ["http://API.internal", "http://api.internal:80", "api.internal", 80, null],
    ["HTTP://a:80/", "http://a:80", "a", 80, null],
    ["http://[::1]:9000", "http://[::1]:9000", "::1", 9000, null],
    ["http://[FE80::1]", "http://[fe80::1]:80", "fe80::1", 80, null],
    ["http://[fe80::A%Eth0]:81", "http://[fe80::a%Eth0]:81", "fe80::a%Eth0", 81, null],
    ["http://[fe80::a%25eth0]", "http://[fe80::a%eth0]:80", "fe80::a%eth0", 80, null],
    ["http://my_service:81", "http://my_service:81", "my_service", 81, null],
    ["http://api.test.:81", "http://api.test.:81", "api.test.", 81, null],
    ["http://B\u00fccher.example", "http://xn--bcher-kva.example:80", "xn--bcher-kva.example", 80, null],
    ["https://API.internal", "https://api.internal:443", "api.internal", 443, null],
    ["HTTPS://[::1]:8443/", "https://[::1]:8443", "::1", 8443, null],
    // What the system and a certificate would read in two ways is read in one.
    ["https://\uff10\uff11\uff17\uff17.0.0.1", "https://127.0.0.1:443", "127.0.0.1", 443, null],
    ["unix:/run/api.sock", "unix:/run/api.sock", null, 0, "/run/api.sock"],
  ];
  for (const [text, url, host, port, socketPath] of table) {
    assert.deepEqual(parseEndpointAddress(text), { url, host, port, socketPath }, text);
    assert.equal(parseEndpointAddress(url).url, url);
  }
});

test("what is no address of an endpoint is refused, and the sentence says what to write", () => {
  const wrong: [text: string, sentence: RegExp][] = [
    ["localhost:8081", /write "http:\/\/localhost:8081"/],
    ["api", /write "http:\/\/api"/],
    ["[::1]:80", /write "http:\/\/\[::1\]:80"/],
    ["", /not the URL/],
    ["https://a/b", /has a path/],
    ["https://0x7f.1", /no valid host/],
    ["https://127.1", /no valid host/],
    ["https://0177.0.0.1", /no valid host/],
    ["https://999.1.1.1", /no valid host/],
    ["ftp://a", /scheme "ftp"/],
    ["http://a/b", /has a path/],
    ["http://a?x", /has a path/],
    ["http://a#x", /has a path/],
    ["http://a\\b", /has a path/],
    ["http://", /no valid host/],
    ["http://a b", /no valid host/],
    ["http://a:0", /no valid port/],
    ["http://a:65536", /no valid port/],
    ["http://a:", /no valid port/],
    ["http://a:x", /no valid host/],
    ["http://999.1.1.1", /no valid host/],
    ["http://[::1", /no valid host/],
    ["http://[1.2.3.4]", /no valid host/],
    ["http://\u00ad", /no valid host/],
    ["http://[fe80::1%]", /no valid host/],
    ["unix:", /names no socket/],
    ["unix://x", /slashes like a URL/],
  ];
  for (const [text, sentence] of wrong)
    assert.throws(
      () => parseEndpointAddress(text),
      (error) => error instanceof RangeError && sentence.test(error.message),
      text,
    );
});

test("a password in a URL is not repeated in the message", () => {
  assert.throws(
    () => parseEndpointAddress("http://user:secret@host"),
    (error) =>
      error instanceof RangeError && /user name or password/.test(error.message) && !error.message.includes("secret"),
  );
});
