import assert from "node:assert/strict";
import { test } from "node:test";
import { hasConnectionLogin, isConnectionLogin } from "./connection-login.ts";

const binding = [
  "NTLM",
  "ntlm TlRMTVNT",
  "Negotiate",
  "NEGOTIATE YII=",
  'Basic realm="a", NTLM',
  "Basic realm=x,Negotiate",
  "Digest a=b,\tNegotiate",
  "Kerberos",
  "Nego2 abc",
  "Session-Based-Authentication",
];
const free = [
  "",
  "Basic TlRMTQ==",
  "Bearer NTLM.negotiate",
  'Basic realm="NTLM"',
  'Digest realm="a", nonce="b"',
  "NTLMv2x",
  "XNegotiate",
  "SCRAM-SHA-256",
];

for (const value of binding)
  test(`${JSON.stringify(value)} holds for its connection`, () => assert.equal(isConnectionLogin(value), true));
for (const value of free)
  test(`${JSON.stringify(value)} holds for its request`, () => assert.equal(isConnectionLogin(value), false));

test("a login is found among the lines of a head, and nowhere else", () => {
  const head = (lines: string): string => `GET /ntlm HTTP/1.1\r\nHost: negotiate\r\n${lines}\r\n`;
  assert.deepEqual(
    [
      "Authorization: NTLM a\r\n",
      "authorization:negotiate b\r\n",
      "Proxy-Authorization: NTLM a\r\n",
      "X-Authorization: NTLM a\r\n",
      "Authorization: Basic NTLM\r\n",
      "",
    ].map((lines) => hasConnectionLogin(head(lines))),
    [true, true, true, false, false, false],
  );
});
