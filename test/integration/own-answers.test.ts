/**
 * The answers the proxy gives itself: status, reason code, plain text or JSON, and nothing in them that a peer sent.
 */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { valuesOf } from "../support/wire-reader.ts";

const marker = "e5c4pe<script>";
const rows: [request: string, status: number, code: string][] = [
  [`GET /${marker} HTTP/1.1\r\nHost: none.example\r\n`, 404, "NO_ROUTE"],
  [`GET /#${marker} HTTP/1.1\r\nHost: a\r\n`, 400, "BAD_TARGET"],
  [`GET / HTTP/1.1\r\nHost: ${marker}\r\n`, 400, "BAD_HOST"],
  [`GET / HTTP/1.1\r\nHost: a\r\n${marker}: x\r\n`, 400, "BAD_FIELD"],
  [`GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ${marker}\r\n`, 400, "BAD_CONTENT_LENGTH"],
  ["GET / HTTP/3.0\r\nHost: a\r\n", 505, "VERSION_NOT_SUPPORTED"],
  ["TRACE / HTTP/1.1\r\nHost: a\r\n", 405, "METHOD_NOT_ALLOWED"],
  ["CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", 405, "METHOD_NOT_ALLOWED"],
  [`POST / HTTP/1.1\r\nHost: a\r\nExpect: ${marker}\r\nContent-Length: 1\r\n`, 417, "EXPECTATION_FAILED"],
  [`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n`, 501, "UNKNOWN_TRANSFER_CODING"],
  ["GET /dead HTTP/1.1\r\nHost: a\r\n", 502, "UPSTREAM_CONNECT_FAILED"],
];

testWithHarness("every refusal names its reason in the asked-for form, and in the access log", async (harness) => {
  await harness.proxy({
    endpoints: ["http://127.0.0.1:1"],
    routes: [{ match: { host: "a" }, upstream: "app" }],
  });
  for (const [request, status, code] of rows) {
    for (const accept of ["", "Accept: application/json\r\n", "Accept: text/html, */*\r\n"]) {
      const client = await harness.raw();
      // A field behind a broken one is not believed; then the answer is plain text.
      client.send(request.replace("\r\n", `\r\n${accept}`) + "\r\n");
      const response = await client.response();
      const body = response.body.toString();
      assert.equal(response.status, status, code);
      assert.ok(body.includes(code), `${code} in ${body}`);
      assert.ok(!body.includes("e5c4pe"), "nothing of the request is in the answer");
      assert.deepEqual(valuesOf(response, "x-content-type-options"), ["nosniff"]);
      assert.deepEqual(valuesOf(response, "server"), []);
      assert.equal(valuesOf(response, "date").length, 1);
      const [type = ""] = valuesOf(response, "content-type");
      if (type.startsWith("application/json")) {
        const parsed = JSON.parse(body) as Record<string, unknown>;
        assert.equal(parsed["status"], status);
        assert.equal(parsed["code"], code);
        assert.ok(accept.includes("json"));
      } else assert.match(type, /^text\/plain/);
      if (status === 405)
        assert.equal(valuesOf(response, "allow").length, 1, "405 comes with Allow (RFC 9110 section 15.5.6)");
    }
  }
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ status, reason }) => `${String(status)} ${String(reason)}`),
    rows.flatMap(([, status, code]) => Array(3).fill(`${status} ${code}`)),
  );
});
