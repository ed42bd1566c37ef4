/**
 * The answers the proxy gives itself: status, reason code, plain text or JSON, and nothing in them that a peer sent.
 */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { toAnswer } from "../support/http1-speaker.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import type { Ask } from "../support/speaker.ts";

const marker = "e5c4pe<script>";
type Row<Request> = readonly [request: Request, status: number, code: string];
const asked: readonly Row<Ask>[] = [
  [{ path: `/${marker}`, authority: "none.example" }, 404, "NO_ROUTE"],
  [{ path: `/#${marker}` }, 400, "BAD_TARGET"],
  [{ authority: marker }, 400, "BAD_HOST"],
  [{ fields: { "content-length": marker } }, 400, "BAD_CONTENT_LENGTH"],
  [{ method: "TRACE" }, 405, "METHOD_NOT_ALLOWED"],
  [{ method: "POST", fields: { expect: marker }, length: 1 }, 417, "EXPECTATION_FAILED"],
  [{ path: "/dead" }, 502, "UPSTREAM_CONNECT_FAILED"],
];
/** What only HTTP/1.1 can say. */
const sent: readonly Row<string>[] = [
  [`GET / HTTP/1.1\r\nHost: a\r\n${marker}: x\r\n`, 400, "BAD_FIELD"],
  ["GET / HTTP/3.0\r\nHost: a\r\n", 505, "VERSION_NOT_SUPPORTED"],
  ["CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n", 405, "METHOD_NOT_ALLOWED"],
  ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n", 501, "UNKNOWN_TRANSFER_CODING"],
];

/** Asks for each row in three ways, and checks the answers and their lines in the log. */
async function checkRows<Request>(
  harness: Harness,
  rows: readonly Row<Request>[],
  ask: (request: Request, accept: string) => Promise<ReceivedAnswer>,
): Promise<void> {
  await harness.proxy({
    endpoints: ["http://127.0.0.1:1"],
    routes: [{ match: { host: "a" }, upstream: "app" }],
  });
  for (const [request, status, code] of rows) {
    for (const accept of ["", "application/json", "text/html, */*"])
      checkAnswer(await ask(request, accept), { status, code, accept });
  }
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ status, reason }) => `${String(status)} ${String(reason)}`),
    rows.flatMap(([, status, code]) => Array(3).fill(`${status} ${code}`)),
  );
}

function checkAnswer(
  answer: ReceivedAnswer,
  { status, code, accept }: { status: number; code: string; accept: string },
): void {
  const { text } = answer;
  assert.equal(answer.status, status, code);
  assert.ok(text.includes(code), `${code} in ${text}`);
  assert.ok(!text.includes("e5c4pe"), "nothing of the request is in the answer");
  assert.equal(answer.value("x-content-type-options"), "nosniff");
  assert.equal(answer.value("server"), null);
  assert.equal(answer.values("date").length, 1);
  const type = answer.value("content-type") ?? "";
  if (type.startsWith("application/json")) {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual([parsed["status"], parsed["code"]], [status, code]);
    assert.ok(accept.includes("json"));
  } else assert.match(type, /^text\/plain/);
  if (status === 405) assert.equal(answer.values("allow").length, 1, "405 comes with Allow (RFC 9110 section 15.5.6)");
}

testOverProtocols("every refusal names its reason in the asked-for form, and in the access log", (harness) =>
  checkRows(harness, asked, async (request, accept) => {
    const client = await harness.speaker();
    return client.begin({ ...request, fields: { ...(accept !== "" && { accept }), ...request.fields } }).answer();
  }),
);

testWithHarness("so does every refusal of what only HTTP/1.1 can say", (harness) =>
  checkRows(harness, sent, async (request, accept) => {
    const client = await harness.raw();
    // A field behind a broken one is not believed; then the answer is plain text.
    client.send(`${request.replace("\r\n", `\r\n${accept === "" ? "" : `Accept: ${accept}\r\n`}`)}\r\n`);
    return toAnswer(await client.response());
  }),
);
