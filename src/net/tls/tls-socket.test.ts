/** What holds for a TLS socket on bare handles and for one over Node's own, as the server and as the client. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { streamDoor } from "../node-internals.ts";
import { securedPair, type SecuredPair, type Side, type Way } from "../testing/secured-pair.ts";
import { turns } from "../testing/socket-notes.ts";

const rows: readonly { way: Way; side: Side; skip: boolean }[] = (["bare", "plain"] as const).flatMap((way) =>
  (["accepted", "dialled"] as const).map((side) => ({ way, side, skip: way === "bare" && streamDoor === null })),
);

const until = async ({ peer, received }: SecuredPair, length: number): Promise<void> => {
  while (received().length < length) await once(peer, "data");
};

for (const { way, side, skip } of rows) {
  const kind = `${way} ${side}`;

  test(`${kind}: bytes go both ways until both have ended`, { skip }, async (t) => {
    const pair = await securedPair(t, way, side);
    const { socket, notes, peer, received } = pair;
    assert.deepEqual(notes.told, ["secure"]);
    assert.equal(socket.facts?.protocol, "TLSv1.3");
    assert.equal(socket.facts.cipher, "TLS_AES_256_GCM_SHA384");
    assert.equal(socket.facts.alpn, "http/1.1");
    assert.equal(socket.facts.isResumed, false);
    assert.equal(socket.facts.verifyError, null);
    assert.equal(socket.facts.peerCertificates[0]?.subject, side === "accepted" ? undefined : "CN=a.test");
    assert.equal(socket.remoteAddress, "127.0.0.1");
    assert.ok(socket.descriptor > 2);
    socket.startReading();
    const sent = `${"a".repeat(199_999)}b`;
    peer.end(sent);
    await notes.until(() => notes.told.includes("end"));
    assert.equal(notes.received, sent);
    assert.equal(socket.hasEndedUncleanly, false);
    assert.equal(socket.bytesRead, 200_000);
    const answered = once(peer, "end");
    socket.writeText("text, ");
    socket.cork();
    socket.writeText("more, ");
    socket.writeBytes(Buffer.from("bytes"));
    assert.ok(socket.unsentBytes >= 11, "what is corked is unsent");
    assert.equal(socket.bytesWritten, 17);
    socket.end();
    assert.ok(socket.isEnding);
    socket.writeText("too late");
    await answered;
    assert.equal(received(), "text, more, bytes");
    await notes.until(() => notes.told.length === 4);
    assert.deepEqual(notes.told, ["secure", "end", "finish", "lost: nothing"]);
    assert.ok(socket.isFinished && socket.isDestroyed);
    assert.equal(socket.descriptor, -1);
  });

  test(`${kind}: what the kernel does not take is sent later, in order, and that is told once`, { skip }, async (t) => {
    const pair = await securedPair(t, way, side);
    const { socket, notes, peer, received } = pair;
    socket.startReading();
    peer.pause();
    await turns(5);
    socket.writeBytes(Buffer.alloc(20_000_000, "x"));
    assert.ok(socket.unsentBytes > 1_000_000);
    socket.writeText("<text>");
    socket.cork();
    socket.writeBytes(Buffer.from("<bytes>"));
    socket.writeText("<more text>");
    socket.uncork();
    socket.awaitSent();
    await turns(20);
    assert.deepEqual(notes.told, ["secure"]);
    const before = [socket.unsentBytes, socket.partlySentMark];
    peer.resume();
    await notes.until(() => notes.told.includes("sent"));
    assert.equal(socket.unsentBytes, 0);
    assert.notDeepEqual([socket.unsentBytes, socket.partlySentMark], before);
    assert.equal(socket.bytesWritten, 20_000_024);
    await until(pair, 20_000_024);
    assert.equal(received().slice(20_000_000), "<text><bytes><more text>");
    socket.writeText("at once");
    if (way === "bare") assert.equal(socket.unsentBytes, 0);
    await until(pair, 20_000_031);
    assert.deepEqual(notes.told, ["secure", "sent"]);
  });

  test(`${kind}: many writes in one turn arrive in order`, { skip }, async (t) => {
    const pair = await securedPair(t, way, side);
    let expected = "";
    for (let at = 0; at < 2_000; at++) {
      const piece = `${at},`.repeat(1 + (at % 37));
      expected += piece;
      if (at % 3 === 0) pair.socket.writeText(piece);
      else pair.socket.writeBytes(Buffer.from(piece));
      if (at % 100 === 99) await turns(1);
    }
    await until(pair, expected.length);
    assert.equal(pair.received(), expected);
  });

  test(`${kind}: it gives nothing while it is paused, and nothing is told of one that is destroyed`, {
    skip,
  }, async (t) => {
    const { socket, notes, peer } = await securedPair(t, way, side);
    peer.write("early");
    await turns(20);
    assert.equal(notes.received, "");
    socket.startReading();
    await notes.until(() => notes.received === "early");
    socket.pause();
    peer.write("more");
    await turns(20);
    assert.equal(notes.received, "early");
    socket.resume();
    await notes.until(() => notes.received === "earlymore");
    socket.destroy();
    assert.ok(socket.isDestroyed);
    socket.writeText("nothing");
    socket.pause();
    socket.resume();
    socket.end();
    peer.end("late");
    await once(peer, "end");
    await turns(20);
    assert.deepEqual(notes.told, ["secure"]);
  });

  test(`${kind}: what was decrypted when it was paused is kept, and the end behind it`, { skip }, async (t) => {
    const { socket, notes, peer } = await securedPair(t, way, side);
    const { onRead } = notes;
    notes.onRead = (byteCount, bytes) => {
      socket.pause();
      onRead.call(notes, byteCount, bytes);
    };
    socket.startReading();
    const sent = Array.from({ length: 200 }, (_, at) => `${at}`.padStart(900, ".")).join("");
    for (let at = 0; at < 200; at++) peer.write(sent.slice(at * 900, (at + 1) * 900));
    peer.end();
    while (notes.received.length < sent.length) {
      const before = notes.received.length;
      await notes.until(() => notes.received.length > before);
      await turns(3);
      assert.ok(notes.received.length - before <= 65_536, "one read at a time");
      if (way === "bare") assert.ok(!notes.told.includes("end"));
      else if (notes.received.length < sent.length) assert.ok(!notes.told.includes("end"));
      socket.resume();
    }
    await notes.until(() => notes.told.includes("end"));
    assert.equal(notes.received, sent);
    assert.equal(socket.hasEndedUncleanly, false);
  });

  test(`${kind}: a FIN without TLS's own end is an end that is not clean`, { skip }, async (t) => {
    const { socket, notes, peer, raw } = await securedPair(t, way, side);
    socket.startReading();
    peer.write("cut");
    await notes.until(() => notes.received === "cut");
    await turns(5);
    raw.end();
    await notes.until(() => notes.told.includes("end"));
    assert.equal(socket.hasEndedUncleanly, true);
  });

  test(`${kind}: a reset of the peer is told, and one of ours is one`, { skip }, async (t) => {
    const { socket, notes, raw } = await securedPair(t, way, side);
    socket.startReading();
    await turns(5);
    raw.resetAndDestroy();
    await notes.until(() => notes.told.length === 2);
    assert.deepEqual(notes.told, ["secure", "lost: ECONNRESET"]);
    assert.ok(socket.isDestroyed);
    const other = await securedPair(t, way, side);
    other.socket.startReading();
    other.peer.write("x");
    await other.notes.until(() => other.notes.received === "x");
    const failed = once(other.peer, "error");
    other.socket.reset();
    assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, "ECONNRESET");
    assert.deepEqual(other.notes.told, ["secure"]);
  });

  test(`${kind}: the peer's end of one that is destroyed is orderly, if nothing was under way`, { skip }, async (t) => {
    const { socket, peer } = await securedPair(t, way, side);
    await turns(5);
    const told: string[] = [];
    peer.on("error", (error) => told.push(String(error)));
    socket.destroy();
    await once(peer, "end");
    assert.deepEqual(told, []);
  });
}
