import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSystemError } from "./failure.ts";

const cases: readonly (readonly [error: unknown, sentence: RegExp | null])[] = [
  [
    Object.assign(new Error(), { code: "EADDRINUSE", address: "127.0.0.1", port: 8080 }),
    /^Cannot listen on 127\.0\.0\.1:8080: another process is using it\.$/,
  ],
  [Object.assign(new Error(), { code: "EADDRINUSE", address: "::", port: 8080 }), /\[::\]:8080/],
  [Object.assign(new Error(), { code: "EADDRINUSE", address: "/run/a.sock", port: -1 }), /\/run\/a\.sock/],
  [Object.assign(new Error(), { code: "EACCES", address: "0.0.0.0", port: 80 }), /below 1024/],
  [Object.assign(new Error(), { code: "EADDRNOTAVAIL", address: "10.9.9.9", port: 80 }), /no such address/],
  [
    Object.assign(new Error(), { code: "EINVAL", address: "fd:3" }),
    /^Cannot listen on fd:3: no listening socket has been passed on under this number\.$/,
  ],
  [Object.assign(new Error(), { code: "EINVAL", address: "127.0.0.1", port: 80 }), null],
  [
    Object.assign(new Error(), { code: "ENOTFOUND", address: "nowhere.invalid:8080" }),
    /^Cannot listen on nowhere\.invalid:8080: the name cannot be resolved\.$/,
  ],
  [Object.assign(new Error(), { code: "EISDIR", path: "/var/log" }), /^\/var\/log is a folder, not a file\.$/],
  [Object.assign(new Error(), { code: "ENOTDIR", path: "/etc/passwd/x" }), /^\/etc\/passwd\/x does not exist/],
  [Object.assign(new Error(), { code: "EROFS", path: "/sys/x" }), /read-only/],
  [Object.assign(new Error(), { code: "EWEIRD" }), null],
  [new TypeError("a bug"), null],
  ["text", null],
];

for (const [error, sentence] of cases) {
  test(`what is said of ${error instanceof Error && "code" in error ? String(error.code) : String(error)}`, () => {
    const text = describeSystemError(error);
    if (sentence === null) assert.equal(text, null);
    else assert.match(text ?? "", sentence);
  });
}
