/**
 * Bodies flow: as they come, no faster than the reader reads, and without being kept. MILLRACE_STREAM_BYTES sets the
 * size of the long ones (default 256 MiB).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { silence } from "../support/endpoint.ts";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import type { UpstreamConnection } from "../support/scripted-upstream.ts";

const MiB = 1024 * 1024;
const streamBytes = Number(process.env["MILLRACE_STREAM_BYTES"] ?? 256 * MiB);
/** What the kernel's socket buffers on two loopback connections and one bounded buffer of ours may hold. */
const maxInFlightBytes = 48 * MiB;
/**
 * The memory that may be held on the way. It is the same for every size of body; a good part is reads that the
 * collector has not swept yet, of all three parties in this process.
 */
const maxHeldBytes = 128 * MiB;

/** Writes `total` bytes to `socket`, each its offset's low byte, as fast as it takes them. */
class Source {
  written = 0;
  readonly #socket: Socket;
  readonly #total: number;
  static readonly #pattern = Buffer.from(Array.from({ length: 65_536 }, (_, at) => at & 255));

  constructor(socket: Socket, total: number) {
    this.#socket = socket;
    this.#total = total;
    socket.on("drain", () => this.pump());
  }

  /** Bytes that have left this process's hands. */
  get accepted(): number {
    return this.written - this.#socket.writableLength;
  }

  pump(): void {
    while (this.written < this.#total && this.#socket.writable && !this.#socket.writableNeedDrain) {
      const chunk = Source.#pattern.subarray(0, Math.min(65_536, this.#total - this.written));
      this.written += chunk.length;
      this.#socket.write(chunk);
    }
  }
}

/** Counts and checks what a `Source` wrote. */
class Sink {
  received = 0;
  isInOrder = true;

  take(chunk: Buffer): void {
    if (
      chunk.length > 0 &&
      (chunk[0] !== (this.received & 255) || chunk[chunk.length - 1] !== ((this.received + chunk.length - 1) & 255))
    )
      this.isInOrder = false;
    this.received += chunk.length;
  }
}

/** Waits until the source has stopped because nobody reads. */
async function untilStuck(source: Source): Promise<void> {
  for (let still = 0, before = -1; still < 300; still++) {
    await loopTurns(1);
    if (source.accepted !== before) still = 0;
    before = source.accepted;
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const heldBytes = (): number => {
  collectGarbage();
  const { arrayBuffers, external } = process.memoryUsage();
  return arrayBuffers + external;
};

/** Reads all of `socket` into `sink`, one chunk a turn, and notes the most memory held on the way. */
async function readSlowly(
  socket: Socket,
  sink: Sink,
  total: number,
  onChunk: (chunk: Buffer) => void,
): Promise<number> {
  let peak = 0;
  socket.on("data", (chunk: Buffer) => {
    onChunk(chunk);
    socket.pause();
    setImmediate(() => socket.resume());
    if ((sink.received & 0xff_ffff) < chunk.length) peak = Math.max(peak, heldBytes());
  });
  socket.resume();
  await eventuallyOrClosed(socket, () => sink.received >= total);
  return peak;
}

async function eventuallyOrClosed(socket: Socket, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    if (socket.destroyed) throw new Error("the connection closed early");
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}

/** Strips the head off a stream of chunks. */
function afterHead(onHead: (head: string) => void, onBody: (chunk: Buffer) => void): (chunk: Buffer) => void {
  let head: Buffer | null = Buffer.alloc(0);
  return (chunk) => {
    if (head === null) return onBody(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n", 0, "latin1");
    if (end === -1) return;
    const rest = head.subarray(end + 4);
    onHead(head.toString("latin1", 0, end));
    head = null;
    if (rest.length > 0) onBody(rest);
  };
}

/** A bare connection, whose bytes nobody collects. */
async function connect(harness: Harness, port: number): Promise<Socket> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  harness.endWithClients(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

testWithHarness("a long download waits for a slow reader, and memory stays flat", async (harness) => {
  let source: Source | null = null;
  const upstream = await harness.scripted({
    onRequest: (connection) => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${streamBytes}\r\n\r\n`);
      source = new Source(connection.socket, streamBytes);
      source.pump();
    },
  });
  const proxy = await harness.proxy({ endpoints: [upstream.url] });
  const socket = await connect(harness, proxy.port);
  socket.pause();
  const sink = new Sink();
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => source !== null, "the endpoint was asked");
  const before = heldBytes();
  const running = source as unknown as Source;
  await untilStuck(running);
  assert.ok(
    running.accepted < Math.min(maxInFlightBytes, streamBytes),
    `${running.accepted} bytes were taken though nobody reads`,
  );
  const peak = await readSlowly(
    socket,
    sink,
    streamBytes,
    afterHead(
      (head) => assert.match(head, /^HTTP\/1\.1 200 OK/),
      (chunk) => sink.take(chunk),
    ),
  );
  assert.equal(sink.received, streamBytes);
  assert.ok(sink.isInOrder, "every byte in its place");
  assert.ok(peak - before < maxHeldBytes, `${peak - before} bytes held`);
});

testWithHarness("a long upload waits for a slow endpoint, and memory stays flat", async (harness) => {
  let arrived: UpstreamConnection | null = null;
  const sink = new Sink();
  const upstream = await harness.scripted({
    onConnection: (connection) => {
      connection.isRaw = true;
      arrived = connection;
      connection.socket.removeAllListeners("data");
      connection.socket.pause();
    },
  });
  await harness.proxy({ endpoints: [upstream.url] });
  const client = await harness.raw();
  client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${streamBytes}\r\n\r\n`);
  const source = new Source(client.socket, streamBytes);
  source.pump();
  await eventually(() => arrived !== null, "the endpoint was asked");
  const before = heldBytes();
  await untilStuck(source);
  assert.ok(
    source.accepted < Math.min(maxInFlightBytes, streamBytes),
    `${source.accepted} bytes were taken though nobody reads`,
  );
  const connection = arrived as unknown as UpstreamConnection;
  const peak = await readSlowly(
    connection.socket,
    sink,
    streamBytes,
    afterHead(
      (head) => assert.match(head, /^PUT \/ HTTP\/1\.1/),
      (chunk) => sink.take(chunk),
    ),
  );
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  assert.equal((await client.response()).body.toString(), "ok");
  assert.ok(sink.isInOrder, "every byte in its place");
  assert.ok(peak - before < maxHeldBytes, `${peak - before} bytes held`);
  await client.close();
});

testOverProtocols("each event of a stream leaves as soon as it comes", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  const exchange = client.begin({ path: "/events", fields: { accept: "text/event-stream" } });
  const asked = await endpoint.asked();
  asked.start("unknown", { fields: { "content-type": "text/event-stream" } });
  // The head must come though no event has.
  await exchange.head();
  for (let at = 0; at < 5; at++) {
    const event = `data: ${at}\n\n`;
    asked.send(event);
    // The next event is sent only when this one was seen.
    await exchange.untilReceived(event);
  }
  exchange.abort();
});

testWithHarness("so do those of a stream that has no end but its connection's", async (harness) => {
  const { client, upstream } = await harness.rawTrio({}, {});
  client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
  await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
  const [connection] = upstream.connections;
  connection!.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  await client.until(() => client.received.includes("\r\n\r\n"), "the head came");
  for (let at = 0; at < 5; at++) {
    const event = `data: ${at}\n\n`;
    connection!.send(event);
    await client.until(() => client.received.includes(event), `event ${at} came`);
  }
  client.reset();
});

testOverProtocols("each part of an upload leaves as soon as it comes", async (harness) => {
  const { client, endpoint } = await harness.trio();
  const begun = endpoint.nextHead();
  const exchange = client.begin({ method: "POST", path: "/up", length: "unknown" });
  const asked = await begun;
  for (let at = 0; at < 5; at++) {
    exchange.send(`part ${at}`);
    await endpoint.until(() => asked.request.text.endsWith(`part ${at}`), `part ${at} came`);
  }
  exchange.finish();
  assert.equal((await exchange.answer()).status, 200);
  await client.close();
});

/** Reads an answer without keeping it: how many body bytes came, and whether all of them are `letter`. */
function readLetters(socket: Socket, letter: string): { count: number; isPure: boolean } {
  const seen = { count: 0, isPure: true };
  const pure = Buffer.alloc(1_048_576, letter);
  socket.on(
    "data",
    afterHead(
      () => {},
      (part) => {
        for (let at = 0; at < part.length; at += pure.length)
          if (
            part.compare(
              pure,
              0,
              Math.min(pure.length, part.length - at),
              at,
              Math.min(part.length, at + pure.length),
            ) !== 0
          )
            seen.isPure = false;
        seen.count += part.length;
      },
    ),
  );
  return seen;
}

testWithHarness(
  "an answer whose end still waits for a slow reader is not overwritten by the next answer on the same upstream connection",
  async (harness) => {
    const upstream = await harness.scripted({
      onRequest: (connection, { target }) => {
        const [, size = "0", letter = "?"] = /^\/(\d+)\/(.)$/.exec(target) ?? [];
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        connection.send(Buffer.alloc(Number(size), letter));
      },
    });
    const proxy = await harness.proxy({ endpoints: [upstream.url] });
    // The largest answer that is all read from the endpoint though the client reads nothing: its last block is the
    // first that the kernel did not take.
    let [least, most] = [262_144, 33_554_432];
    while (most - least > 3_000) {
      const size = (least + most) >> 1;
      const slow = await connect(harness, proxy.port);
      slow.pause();
      slow.write(`GET /${size}/a HTTP/1.1\r\nHost: a\r\n\r\n`);
      await upstream.until(() => upstream.requests.length > 0, "the endpoint was asked");
      for (let turn = 0; turn < 100 && (await proxy.inspect()).exchanges > 0; turn++) await loopTurns(1);
      if ((await proxy.inspect()).exchanges === 0) least = size;
      else most = size;
      const fast = await connect(harness, proxy.port);
      const fastSeen = readLetters(fast, "b");
      fast.write(`GET /${size}/b HTTP/1.1\r\nHost: a\r\n\r\n`);
      await eventually(
        () => fastSeen.count === size,
        () => `the fast answer came: ${fastSeen.count} of ${size} bytes`,
      );
      const slowSeen = readLetters(slow, "a");
      slow.resume();
      await eventually(
        () => slowSeen.count === size,
        () => `the slow answer came: ${slowSeen.count} of ${size} bytes`,
      );
      assert.ok(fastSeen.isPure && slowSeen.isPure, `every byte of ${size} is its own answer's`);
      slow.destroy();
      fast.destroy();
      await proxy.untilQuiet();
      upstream.forget();
    }
  },
);
