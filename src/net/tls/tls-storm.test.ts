/**
 * Sockets that are written to, paused, ended, destroyed and reset at any moment, also within what they call: nothing
 * may crash (OpenSSL's handle ends the process if it is used wrongly), and what arrives is a beginning of what was sent.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { streamDoor } from "../node-internals.ts";
import { rawPair, secure, securePeer, type Side, type Way } from "../testing/secured-pair.ts";
import { SocketNotes, turns } from "../testing/socket-notes.ts";
import type { TlsSocket } from "./tls-socket.ts";

/** Numbers from 0 to below `limit` that are the same in each run (mulberry32). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const pattern = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff));

/** What is done to a socket. */
class Storm {
  readonly #random: (limit: number) => number;
  readonly #socket: TlsSocket;
  sent = 0;

  constructor(socket: TlsSocket, random: (limit: number) => number) {
    this.#socket = socket;
    this.#random = random;
  }

  act(): void {
    const socket = this.#socket;
    const random = this.#random;
    switch (random(14)) {
      case 0:
      case 1:
        return this.#write(random(100));
      case 2:
        return this.#write(random(20_000));
      case 3:
        return this.#write(random(250_000));
      case 4:
        return socket.pause();
      case 5:
      case 6:
        return socket.resume();
      case 7:
        socket.cork();
        this.#write(random(2_000));
        this.#write(random(40_000));
        return socket.uncork();
      case 8:
        if (socket.unsentBytes > 0) socket.awaitSent();
        return;
      case 9:
        return socket.keepMemory();
      case 10:
        return random(3) === 0 ? socket.end() : undefined;
      case 11:
        return random(3) === 0 ? socket.destroy() : undefined;
      case 12:
        return random(3) === 0 && !socket.isEnding ? socket.reset() : undefined;
      default:
        socket.lookForArrival();
    }
  }

  #write(byteCount: number): void {
    const socket = this.#socket;
    if (socket.isEnding || socket.isDestroyed || this.sent + byteCount > pattern.length) return;
    const bytes = Buffer.from(pattern.subarray(this.sent, this.sent + byteCount));
    this.sent += byteCount;
    if (byteCount % 2 === 0) socket.writeText(bytes.latin1Slice());
    else socket.writeBytes(bytes);
  }
}

async function blow(t: TestContext, way: Way, side: Side, seed: number): Promise<void> {
  const random = randomNumbers(seed);
  const pair = await rawPair(t, way, side);
  const notes = new SocketNotes();
  const received: Buffer[] = [];
  const early = random(4) === 0;
  let storm: Storm | null = null;
  const begin = (): void => {
    const socket = secure(pair, side, {}, notes);
    storm = new Storm(socket, random);
    if (early) storm.act();
  };
  const { onRead, tell } = notes;
  notes.onRead = (byteCount, bytes) => {
    onRead.call(notes, byteCount, bytes);
    storm?.act();
  };
  notes.tell = (what) => {
    tell.call(notes, what);
    if (!what.startsWith("lost")) storm?.act();
  };
  begin();
  const peer = securePeer(pair, side, {});
  peer.on("data", (chunk: Buffer) => received.push(chunk));
  const peerSent = random(200_000);
  for (let step = 0; step < 60; step++) {
    storm!.act();
    const what = random(30);
    if (what < 8) peer.write(pattern.subarray(0, random(peerSent + 1)));
    else if (what === 8) peer.pause();
    else if (what === 9) peer.resume();
    else if (what === 10) peer.end();
    else if (what === 11 && step > 20) pair.theirs.destroy();
    else if (what === 12 && step > 30) pair.theirs.resetAndDestroy();
    else if (what === 13 && step > 30) peer.destroy();
    if (random(3) > 0) await turns(random(3));
  }
  peer.resume();
  await turns(10);
  const all = Buffer.concat(received);
  assert.ok(all.length <= storm!.sent);
  assert.ok(all.equals(pattern.subarray(0, all.length)));
  const { told } = notes;
  assert.ok(told.filter((what) => what.startsWith("lost") || what.startsWith("failed")).length <= 1);
  pair.ours.destroy();
  peer.destroy();
  await turns(2);
}

/** More, and others, by the environment. */
const base = Number(process.env["STORM_SEED"] ?? 1);
const count = Number(process.env["STORM_COUNT"] ?? 60);

for (const way of ["bare", "plain"] as const) {
  for (const side of ["accepted", "dialled"] as const) {
    const skip = way === "bare" && streamDoor === null;
    test(`${way} ${side}: a storm breaks nothing`, { skip, timeout: 60_000 }, async (t) => {
      for (let seed = base; seed < base + count; seed++) await blow(t, way, side, seed);
    });
  }
}
