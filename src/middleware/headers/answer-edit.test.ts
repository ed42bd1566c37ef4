import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerHead, NextResponder } from "../../http/answer.ts";
import { type BodySink, emptySource } from "../../http/body.ts";
import { Fields } from "../../http/fields.ts";
import { compileAnswerFilter } from "./answer-edit.ts";

const spec = { set: { "x-a": "1" }, remove: ["x-b"], when: "always" } as const;
const lines = "x-a: 0\r\nx-b: 2\r\nx-c: 3\r\n";

/** What comes out behind a filter when an answer with a body and trailers goes in. */
function pass(given: Partial<AnswerHead>, when: "always" | "upstream" = "always") {
  const out = { head: "", interim: "", body: "", trailers: "" };
  const sink: BodySink = {
    data: (chunk) => void (out.body += chunk.toString("latin1")),
    flush: () => true,
    end: (trailers) => ((out.trailers = trailers === null ? "none" : trailers.text), true),
    abort: (code) => void (out.trailers = code),
  };
  const next: NextResponder = {
    interim: (head) => ((out.interim = head.fields.text), true),
    start: (head) => ((out.head = head.fields.text), sink),
    replace: () => assert.fail(),
  };
  const filter = compileAnswerFilter({ ...spec, when })!;
  const head: AnswerHead = {
    status: 200,
    reasonPhrase: "",
    fields: Fields.ofText(lines),
    body: "unknown",
    declaredLength: null,
    tunnel: null,
    from: "endpoint",
    ...given,
  };
  filter.interim?.({ ...head, status: 103 }, next);
  const body = filter.start(head, emptySource, next);
  body.data(Buffer.from("abc"));
  body.flush();
  return { out, body, sink };
}

test("what goes from the header of an endpoint's answer goes from its trailers, whether or not its length is known", () => {
  for (const length of ["unknown", 3] as const) {
    const { out, body } = pass({ body: length });
    body.end(Fields.ofText(lines));
    const head = "x-c: 3\r\nx-a: 1\r\n";
    assert.deepEqual(out, { head, interim: head, body: "abc", trailers: "x-c: 3\r\n" });
  }
  const { out, body } = pass({});
  body.end(Fields.ofText("x-b: 1\r\n"));
  assert.equal(out.trailers, "none");
});

test("a body that breaks off breaks off behind the filter", () => {
  const { out, body } = pass({});
  body.abort("UPSTREAM_RESET");
  assert.equal(out.trailers, "UPSTREAM_RESET");
});

test("chunks do not pass the filter if no trailers can come: no body, a tunnel, an answer of the proxy's own", () => {
  for (const given of [{ body: 0 }, { tunnel: "websocket" }, { from: "proxy" }] as const) {
    const { body, sink } = pass(given);
    assert.equal(body, sink, JSON.stringify(given));
  }
});

test("`when: upstream` leaves answers of the proxy as they are", () => {
  assert.equal(pass({ from: "proxy" }, "upstream").out.head, lines);
  assert.equal(pass({ from: "proxy" }).out.head, "x-c: 3\r\nx-a: 1\r\n");
  assert.equal(pass({}, "upstream").out.head, "x-c: 3\r\nx-a: 1\r\n");
});

test("a filter that changes nothing is none", () => {
  assert.equal(compileAnswerFilter({ when: "always" }), null);
});
