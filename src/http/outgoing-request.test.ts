import assert from "node:assert/strict";
import { test } from "node:test";
import { requestHeadText } from "../http1/endpoint-side/request-head.ts";
import { Fields } from "./fields.ts";
import { Framing } from "./message.ts";
import type { OutgoingRequest } from "./outgoing-request.ts";
import { exchangeAround } from "./testing/exchange-around.ts";

const received = {
  method: "POST",
  authority: "a.test",
  target: "/p?q",
  framing: Framing.length,
  contentLength: 3,
  keptFields: "Accept: x\r\n",
};

test("a request goes on as it was received until something is put in its place", () => {
  const exchange = exchangeAround(received);
  assert.equal(exchange.changedRequest, null);
  assert.equal(exchange.outgoingWith("X-A: 1\r\n").fields.text, "Accept: x\r\nX-A: 1\r\n");
  assert.equal(exchange.changedRequest, null, "a form for one attempt is nobody's change");
  const { outgoing } = exchange;
  assert.equal(outgoing, exchange.outgoing, "it is made once");
  exchange.outgoing = outgoing.withFields(Fields.ofText("Accept: y\r\n"));
  assert.equal(exchange.outgoingWith("X-A: 1\r\n").fields.text, "Accept: y\r\nX-A: 1\r\n");
  assert.equal(outgoing.fields.text, "Accept: x\r\n", "nobody changes what another may hold");
});

test("HTTP/1.1 says in its own way what a request says without a protocol", () => {
  const textOf = (facts: object, change = (request: OutgoingRequest): OutgoingRequest => request): string =>
    requestHeadText(change(exchangeAround({ ...received, ...facts }).outgoing));
  const start = "POST /p?q HTTP/1.1\r\nHost: a.test\r\nAccept: x\r\n";
  const table: [text: string, expected: string][] = [
    [textOf({}), "Content-Length: 3\r\n"],
    [textOf({ framing: Framing.none, contentLength: 0 }), ""],
    [textOf({ contentLength: 0 }), "Content-Length: 0\r\n"],
    [textOf({ framing: Framing.chunked, contentLength: 0 }), "Transfer-Encoding: chunked\r\n"],
    [textOf({ expectsContinue: true }), "Content-Length: 3\r\nExpect: 100-continue\r\n"],
    [textOf({ acceptsTrailers: true }), "Content-Length: 3\r\nTE: trailers\r\nConnection: TE\r\n"],
    [
      textOf({ upgrade: "tcp", acceptsTrailers: true, framing: Framing.none }),
      "Connection: Upgrade\r\nUpgrade: tcp\r\n",
    ],
    [textOf({ framing: Framing.chunked }, (one) => one.toBeSent(one.fields, 9)), "Content-Length: 9\r\n"],
    [textOf({ framing: Framing.chunked }, (one) => one.toBeSent(one.fields, 0)), "Content-Length: 0\r\n"],
    [textOf({ expectsContinue: true }, (one) => one.withoutExpectation()), "Content-Length: 3\r\n"],
  ];
  for (const [text, expected] of table) assert.equal(text, `${start}${expected}\r\n`);
  assert.equal(
    textOf({}, (one) => one.withTarget("/r", "/p").withAuthority("b.test")),
    "POST /r HTTP/1.1\r\nHost: b.test\r\nAccept: x\r\nContent-Length: 3\r\n\r\n",
  );
});
