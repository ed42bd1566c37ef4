/** What goes to an endpoint is what the head of the request says, whatever a middleware gives as its body. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EndOfTurn } from "../../base/end-of-turn.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import type { BodyLength } from "../../http/body.ts";
import type { Wire } from "../../net/wire.ts";
import { RequestWriter } from "./request-writer.ts";

/** A writer that has begun a request with a body of this length, and what it has written. */
function begin(body: BodyLength): { writer: RequestWriter; written: () => string } {
  let text = "";
  const output = {
    text: (more: string) => void (text += more),
    bytes: (more: Buffer) => void (text += more.toString("latin1")),
    flush: () => true,
  };
  const writer = new RequestWriter(
    { output } as unknown as Wire,
    { onTurnWritten() {}, onBodyProgress() {}, onBodyAbort() {} },
    new EndOfTurn(),
  );
  const { outgoing } = exchangeAround({ method: "POST", authority: "a", target: "/" });
  writer.begin(outgoing.toBeSent(outgoing.fields, body));
  return { writer, written: () => text };
}

test("a body that a middleware has put where there was none has its length in the head", () => {
  const { writer, written } = begin(3);
  writer.data(Buffer.from("abc"));
  writer.end(null);
  assert.equal(written(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
});

test("a body is neither longer nor shorter than its head says", () => {
  for (const length of [0, 3]) {
    const { writer, written } = begin(length);
    const before = written();
    assert.throws(() => writer.data(Buffer.from("abcd")), /longer/);
    assert.equal(written(), before);
  }
  const { writer } = begin(3);
  writer.data(Buffer.from("ab"));
  assert.throws(() => writer.end(null), /shorter/);
  assert.equal(writer.isComplete, false);
});

test("a body of unknown length, and the bytes of a tunnel, are as long as they are", () => {
  const chunked = begin("unknown");
  chunked.writer.data(Buffer.from("abcd"));
  chunked.writer.end(null);
  assert.match(chunked.written(), /\r\n\r\n4\r\nabcd\r\n0\r\n\r\n$/);
  const tunnel = begin(0);
  tunnel.writer.switchToTunnel();
  tunnel.writer.data(Buffer.from("abcd"));
  assert.match(tunnel.written(), /\r\n\r\nabcd$/);
});
