/** How handshakes go, and fail, over either kind of socket, as the server and as the client. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { constants } from "node:crypto";
import { nobodyListens } from "../kernel-socket.ts";
import { streamDoor } from "../node-internals.ts";
import {
  authority,
  rawPair,
  secure,
  securedPair,
  securePeer,
  serverContext,
  type Side,
  type Way,
} from "../testing/secured-pair.ts";
import { SocketNotes, turns } from "../testing/socket-notes.ts";

const { cert, key } = await authority.issue({ names: ["client.test"] });
const certified = createSecureContext({ cert, key, ca: authority.root });
const older = { cert, key, ca: authority.root, maxVersion: "TLSv1.2" } as const;
const old = createSecureContext({ ...older, secureOptions: constants.SSL_OP_NO_RENEGOTIATION });

const rows: readonly { way: Way; side: Side; skip: boolean }[] = (["bare", "plain"] as const).flatMap((way) =>
  (["accepted", "dialled"] as const).map((side) => ({ way, side, skip: way === "bare" && streamDoor === null })),
);

for (const { way, side, skip } of rows) {
  const kind = `${way} ${side}`;

  test(`${kind}: what does not come to a handshake is a failure, told once and later`, { skip }, async (t) => {
    const endings: [string, RegExp][] = [
      ["garbage", /^failed: ERR_SSL_/],
      ["end", /^failed: (nothing|ECONNRESET)$/],
      ["reset", /^failed: (ECONNRESET|EPIPE)$/],
    ];
    for (const [ending, expected] of endings) {
      const pair = await rawPair(t, way, side);
      const notes = new SocketNotes();
      // It may have a listener already, which is told nothing.
      secure(pair, side, {}, notes).listener = { ...nobodyListens, onLost: () => notes.tell("lost") };
      assert.deepEqual(notes.told, []);
      await turns(3);
      if (ending === "garbage") pair.theirs.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
      else if (ending === "end") pair.theirs.end();
      else pair.theirs.resetAndDestroy();
      await notes.until(() => notes.told.length > 0);
      await turns(10);
      assert.equal(notes.told.length, 1);
      assert.match(notes.told[0]!, expected);
    }
  });

  test(`${kind}: bytes that were read before and are no handshake fail it once, however many`, { skip }, async (t) => {
    if (side !== "accepted") return;
    const record = Buffer.concat([Buffer.of(22, 3, 1, 0, 4, 255, 0, 0, 0), Buffer.alloc(5_000, 22)]);
    const pair = await rawPair(t, way, side);
    const notes = new SocketNotes();
    const socket = secure(pair, side, {}, notes, record);
    await notes.until(() => notes.told.length > 0);
    await turns(10);
    assert.equal(notes.told.length, 1);
    assert.match(notes.told[0]!, /^failed: ERR_SSL_/);
    assert.ok(socket.isDestroyed);
  });

  test(`${kind}: a peer that closes after any number of bytes leaves nothing behind`, { skip }, async (t) => {
    for (let count = 1; count < 700; count += 53) {
      const pair = await rawPair(t, way, side);
      const notes = new SocketNotes();
      const socket = secure(pair, side, {}, notes);
      const inner = await recordedFlight(t, side);
      pair.theirs.end(inner.subarray(0, count));
      await notes.until(() => notes.told.length > 0);
      assert.match(notes.told[0]!, /^failed: /);
      assert.ok(socket.isDestroyed);
      assert.equal(pair.ours.isDestroyed, true);
    }
  });

  test(`${kind}: the owner of the socket below can end it in the middle of a handshake`, { skip }, async (t) => {
    for (const how of ["destroy", "reset"] as const) {
      const pair = await rawPair(t, way, side);
      const notes = new SocketNotes();
      const socket = secure(pair, side, {}, notes);
      pair.theirs.resume();
      const closed = closingOf(pair.theirs);
      pair.theirs.on("end", () => pair.theirs.end());
      await turns(2);
      pair.ours[how]();
      assert.ok(socket.isDestroyed);
      await closed;
      assert.deepEqual(notes.told, []);
    }
  });

  test(`${kind}: a socket may be destroyed when it is told that it is secure`, { skip }, async (t) => {
    for (const how of ["destroy", "reset", "end"] as const) {
      const pair = await rawPair(t, way, side);
      const notes = new SocketNotes();
      const { tell } = notes;
      notes.tell = (what) => {
        if (what === "secure") socket[how]();
        tell.call(notes, what);
      };
      const socket = secure(pair, side, {}, notes);
      const peer = securePeer(pair, side, {}).resume();
      const closed = closingOf(peer);
      peer.on("end", () => peer.end());
      await closed;
      socket.destroy();
      assert.equal(notes.told[0], "secure");
    }
  });

  test(`${kind}: what is written when it is told that it is secure arrives`, { skip }, async (t) => {
    for (const secureContext of [undefined, old]) {
      const pair = await rawPair(t, way, side);
      const notes = new SocketNotes();
      const { tell } = notes;
      notes.tell = (what) => {
        if (what === "secure") {
          socket.writeText("first, ");
          socket.writeBytes(Buffer.from("second, "));
          socket.writeText("third");
          socket.end();
        }
        tell.call(notes, what);
      };
      const socket = secure(pair, side, {}, notes);
      const peer = securePeer(pair, side, { peer: secureContext === undefined ? {} : { secureContext } });
      let received = "";
      peer.on("data", (chunk: Buffer) => (received += String(chunk)));
      await once(peer, "end");
      assert.equal(received, "first, second, third");
      socket.destroy();
    }
  });

  test(`${kind}: it works one byte at a time, with versions 1.2 and 1.3`, { skip }, async (t) => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const wish = version === "TLSv1.2" ? { peer: { secureContext: old } } : {};
      const pair = await rawPair(t, way, side);
      // Node's end stands on a pair of its own, whose bytes are carried over one by one.
      const link = await rawPair(t, "plain", side === "accepted" ? "dialled" : "accepted");
      const notes = new SocketNotes();
      link.ours.listener = Object.assign(new SocketNotes(), {
        onRead: async (byteCount: number, bytes: Buffer) => {
          for (const byte of Buffer.from(bytes.subarray(0, byteCount))) sending.push(byte);
          if (!isSending) await sendAll();
        },
      });
      const sending: number[] = [];
      let isSending = false;
      const sendAll = async (): Promise<void> => {
        isSending = true;
        for (let byte = sending.shift(); byte !== undefined; byte = sending.shift()) {
          pair.theirs.write(Buffer.of(byte));
          await turns(1);
        }
        isSending = false;
      };
      link.ours.startReading();
      pair.theirs.on("data", (chunk: Buffer) => link.ours.writeBytes(chunk));
      const socket = secure(pair, side, {}, notes);
      const peer = securePeer({ ours: link.ours, theirs: link.theirs }, side, wish);
      await notes.until(() => notes.told.length > 0);
      assert.deepEqual(notes.told, ["secure"]);
      assert.equal(socket.facts?.protocol, version);
      socket.startReading();
      peer.write("a word");
      await notes.until(() => notes.received === "a word");
      socket.writeText("another");
      assert.equal(String(((await once(peer, "data")) as [Buffer])[0]), "another");
      peer.end();
      await notes.until(() => notes.told.includes("end"));
      assert.equal(socket.hasEndedUncleanly, false);
      socket.destroy();
    }
  });

  test(`${kind}: no renegotiation is made`, { skip }, async (t) => {
    const { socket, notes, peer } = await securedPair(t, way, side, {
      peer: { secureContext: createSecureContext(older) },
      ...(side === "accepted" ? { accept: { secureContext: old } } : { dial: { secureContext: old } }),
    });
    socket.startReading();
    assert.equal(socket.facts?.protocol, "TLSv1.2");
    await turns(10);
    const told: unknown[] = [];
    peer.renegotiate({}, (error) => told.push(error));
    await turns(100);
    assert.ok(!notes.told.slice(1).includes("secure"));
    assert.ok(!told.includes(null));
  });
}

/** Resolves when `socket` is closed, after an error or not. */
const closingOf = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once("close", resolve));

/** The first bytes that a peer sends. */
async function recordedFlight(t: TestContext, side: Side): Promise<Buffer> {
  const pair = await rawPair(t, "plain", side);
  const notes = new SocketNotes();
  const parts: Buffer[] = [];
  if (side === "accepted") {
    pair.ours.listener = Object.assign(notes, {
      onRead: (byteCount: number, bytes: Buffer) => {
        parts.push(Buffer.from(bytes.subarray(0, byteCount)));
        notes.tell("read");
      },
    });
    pair.ours.startReading();
    securePeer(pair, side, {});
    await notes.until(() => notes.told.length > 0);
    return Buffer.concat(parts);
  }
  return Buffer.from("16030300020100", "hex");
}

for (const way of ["bare", "plain"] as const) {
  const skip = way === "bare" && streamDoor === null;

  test(`${way} dialled: a session that it gave is resumed, with versions 1.2 and 1.3`, { skip }, async (t) => {
    const oldServer = createSecureContext({ ...older });
    for (const secureContext of [oldServer, serverContext]) {
      const sessions: Buffer[] = [];
      const onSession = (session: Buffer): void => void sessions.push(session);
      const first = await securedPair(t, way, "dialled", { dial: { onSession }, peer: { secureContext } });
      first.socket.startReading();
      while (sessions.length === 0) await turns(1);
      const session = sessions.at(-1)!;
      const again = await securedPair(t, way, "dialled", { dial: { session }, peer: { secureContext } });
      assert.equal(again.socket.facts?.isResumed, true);
      assert.equal(again.socket.facts.verifyError, null);
      const other = await securedPair(t, way, "dialled", { dial: { session: Buffer.from("no session") } });
      assert.equal(other.socket.facts?.isResumed, false);
    }
  });

  test(`${way} dialled: a certificate that does not stand up is told`, { skip }, async (t) => {
    const secureContext = createSecureContext();
    const { socket } = await securedPair(t, way, "dialled", { dial: { secureContext } });
    assert.equal(socket.facts?.verifyError, "SELF_SIGNED_CERT_IN_CHAIN");
    assert.equal(socket.facts.peerCertificates[0]?.subject, "CN=a.test");
    // What is resumed was not verified again.
    const sessions: Buffer[] = [];
    const wish = { secureContext, onSession: (session: Buffer) => void sessions.push(session) };
    const older = { peer: { secureContext: old } };
    const first = await securedPair(t, way, "dialled", { dial: wish, ...older });
    first.socket.startReading();
    while (sessions.length === 0) await turns(1);
    const again = await securedPair(t, way, "dialled", { dial: { secureContext, session: sessions[0]! }, ...older });
    assert.equal(again.socket.facts?.isResumed, true);
    assert.notEqual(again.socket.facts.verifyError, null);
  });

  test(`${way} accepted: a client is asked for a certificate, and refused without one if that is wished`, {
    skip,
  }, async (t) => {
    const wish = { peer: { secureContext: certified } };
    const known = await securedPair(t, way, "accepted", { ...wish, accept: { verify: "require" } });
    assert.equal(known.socket.facts?.verifyError, null);
    assert.equal(known.socket.facts.peerCertificates[0]?.subject, "CN=client.test");
    const unasked = await securedPair(t, way, "accepted", { ...wish, accept: { verify: "none" } });
    assert.deepEqual(unasked.socket.facts?.peerCertificates, []);
    const without = await securedPair(t, way, "accepted", { accept: { verify: "request" } });
    assert.equal(without.socket.facts?.verifyError, null);
    assert.deepEqual(without.socket.facts.peerCertificates, []);
    const refused = await securedPair(t, way, "accepted", { accept: { verify: "require" } });
    assert.deepEqual(refused.notes.told, ["failed: ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"]);
    const stranger = await securedPair(t, way, "accepted", {
      peer: { secureContext: createSecureContext({ ...(await (await otherAuthority).issue({ names: ["x.test"] })) }) },
      accept: { verify: "require" },
    });
    assert.notEqual(stranger.socket.facts?.verifyError, null);
  });

  test(`${way} accepted: an OCSP answer is stapled`, { skip }, async (t) => {
    const pair = await rawPair(t, way, "accepted");
    const notes = new SocketNotes();
    const ocsp = Buffer.from("an answer");
    secure(pair, "accepted", { accept: { ocsp } }, notes);
    const peer = securePeer(pair, "accepted", { peer: { requestOCSP: true } });
    assert.deepEqual(((await once(peer, "OCSPResponse")) as [Buffer])[0], ocsp);
    peer.destroy();
  });

  test(`${way} accepted: without a protocol in common the handshake fails`, { skip }, async (t) => {
    const { notes } = await securedPair(t, way, "accepted", { peer: { ALPNProtocols: ["h2"] } });
    assert.deepEqual(notes.told, ["failed: ERR_SSL_NO_APPLICATION_PROTOCOL"]);
    const { socket } = await securedPair(t, way, "accepted", { accept: { alpn: [] } });
    assert.equal(socket.facts?.alpn, null);
  });

  test(`${way} dialled: what came before a reset is read, although a write fails first`, { skip }, async (t) => {
    const { socket, notes, peer, raw } = await securedPair(t, way, "dialled");
    socket.startReading();
    await turns(5);
    const answer = "an answer of more than one read ".repeat(20);
    peer.write(answer, () => raw.resetAndDestroy());
    await once(raw, "close");
    socket.writeText("more");
    socket.writeText("and more");
    await notes.until(() => notes.told.at(-1)?.startsWith("lost") === true);
    assert.equal(notes.received, answer);
    assert.match(notes.told.at(-1)!, /^lost: (EPIPE|ECONNRESET)$/);
  });
}

const otherAuthority = (await import("../testing/test-authority.ts")).TestAuthority.create("Another");

test("bare dialled: looking for arrivals takes tickets for nothing, and finds bytes and ends", {
  skip: streamDoor === null,
}, async (t) => {
  const idle = await securedPair(t, "bare", "dialled");
  // The tickets have not been read: this is within the turn in which the handshake was done.
  idle.socket.startReading();
  assert.equal(idle.socket.lookForArrival(), "nothing");
  await turns(5);
  assert.equal(idle.socket.lookForArrival(), "nothing");
  idle.socket.pause();
  idle.peer.write("early");
  await turns(5);
  assert.equal(idle.socket.lookForArrival(), "something");
  assert.equal(idle.notes.received, "");
  idle.socket.resume();
  await idle.notes.until(() => idle.notes.received === "early");
  for (const how of ["end", "cut", "reset"] as const) {
    const { socket, peer, raw } = await securedPair(t, "bare", "dialled");
    socket.startReading();
    await turns(5);
    socket.pause();
    if (how === "end") peer.end();
    else if (how === "cut") raw.end();
    else raw.resetAndDestroy();
    await turns(5);
    assert.equal(socket.lookForArrival(), "something", how);
    socket.destroy();
    assert.equal(socket.lookForArrival(), "unknown");
  }
});
