import assert from "node:assert/strict";
import { test } from "node:test";
import { compileHeaderEdit, type HeaderEditSpec } from "./header-edit.ts";

const section = "Server: x\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n";
const edited = (spec: HeaderEditSpec): string => compileHeaderEdit(spec, "response")?.(section) ?? section;

test("fields are removed, set and added, in this order", () => {
  const table: [HeaderEditSpec, string][] = [
    [{ remove: ["server"] }, "X-A: 1\r\nx-a: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"],
    [{ remove: ["SET-COOKIE", "absent"] }, "Server: x\r\nX-A: 1\r\nx-a: 2\r\n"],
    [{ set: { "x-A": "3" } }, "Server: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nx-A: 3\r\n"],
    [{ set: { "X-New": "n" } }, `${section}X-New: n\r\n`],
    [{ add: { "X-A": "3" } }, `${section}X-A: 3\r\n`],
    [{ set: { "X-A": "3" }, add: { "x-a": "4" }, remove: ["x-a", "set-cookie"] }, "Server: x\r\nX-A: 3\r\nx-a: 4\r\n"],
    [{ set: { Empty: "" } }, `${section}Empty: \r\n`],
  ];
  for (const [spec, expected] of table) assert.equal(edited(spec), expected, JSON.stringify(spec));
});

test("an edit that changes nothing is none", () => {
  for (const spec of [{}, { set: {}, add: {}, remove: [] }]) assert.equal(compileHeaderEdit(spec, "response"), null);
});

test("an empty section can be edited", () => {
  assert.equal(compileHeaderEdit({ set: { a: "b" }, remove: ["c"] }, "response")?.(""), "a: b\r\n");
});

test("malformed names and values are refused", () => {
  for (const name of ["", "a b", "a:", "a\r\n", "\u00e9"]) {
    for (const spec of [{ set: { [name]: "x" } }, { add: { [name]: "x" } }, { remove: [name] }])
      assert.throws(() => compileHeaderEdit(spec, "response"), RangeError, JSON.stringify(spec));
  }
  for (const value of ["a\r\nb", "a\nb", "\u0000", " a", "a\t", "\u0100"])
    assert.throws(() => compileHeaderEdit({ set: { a: value } }, "response"), RangeError, JSON.stringify(value));
});

test("in a request, other spellings of a removed or set name go with it, and a name is never taken for another that was named in such a spelling", () => {
  const lines = "x_user: 1\r\nX.User: 2\r\nx-user: 3\r\nx-users: 4\r\n";
  const table: [HeaderEditSpec, "request" | "response", string][] = [
    [{ remove: ["x-user"] }, "request", "x-users: 4\r\n"],
    [{ set: { "X-User": "me" } }, "request", "x-users: 4\r\nX-User: me\r\n"],
    [{ remove: ["x_user"] }, "request", "x-user: 3\r\nx-users: 4\r\n"],
    [{ add: { "X-User": "me" } }, "request", `${lines}X-User: me\r\n`],
    [{ remove: ["x-user"] }, "response", "x_user: 1\r\nX.User: 2\r\nx-users: 4\r\n"],
  ];
  for (const [spec, direction, expected] of table)
    assert.equal(compileHeaderEdit(spec, direction)?.(lines), expected, JSON.stringify(spec));
});
