import assert from "node:assert/strict";
import { test } from "node:test";
import { promisify } from "node:util";
import zlib from "node:zlib";
import fc from "fast-check";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { type Coder, type Pace, RecodedBody } from "./recoded-body.ts";

const { constants } = zlib;
const coders = {
  gzip: { create: () => zlib.createGzip({ level: 5 }), flushKind: constants.Z_SYNC_FLUSH, decode: zlib.gunzipSync },
  br: {
    create: () => zlib.createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
    flushKind: constants.BROTLI_OPERATION_FLUSH,
    decode: zlib.brotliDecompressSync,
  },
  zstd: { create: () => zlib.createZstdCompress(), flushKind: constants.ZSTD_e_flush, decode: zlib.zstdDecompressSync },
  gunzip: { create: () => zlib.createGunzip(), flushKind: constants.Z_SYNC_FLUSH, decode: (body: Buffer) => body },
} as const;
const gzip = promisify<Buffer, Buffer>(zlib.gzip);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes what comes out; blocks when it is told to. */
class Client implements BodySink {
  readonly pieces: Buffer[] = [];
  /** How many flushes are taken until it blocks. */
  patience = Infinity;
  isBlocked = false;
  flushed = 0;
  over: "end" | ReasonCode | null = null;

  data(chunk: Buffer): void {
    assert.equal(this.over, null, "nothing comes behind the end");
    this.pieces.push(chunk);
  }

  flush(): boolean {
    this.flushed++;
    this.isBlocked = --this.patience <= 0;
    return !this.isBlocked;
  }

  end(): boolean {
    assert.equal(this.over, null);
    this.over = "end";
    return true;
  }

  abort(code: ReasonCode): void {
    assert.equal(this.over, null);
    this.over = code;
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

/** Gives what comes in. */
class Giver implements BodySource {
  isWaiting = false;
  stopped: ReasonCode | null = null;

  resume(): void {
    this.isWaiting = false;
  }

  stop(code: ReasonCode): void {
    this.stopped = code;
  }
}

function createBody(
  kind: keyof typeof coders,
  pace: Pace = "caught up",
  isTooMuch?: (i: number, o: number) => boolean,
) {
  const { create, flushKind } = coders[kind];
  const coder = create() as Coder & zlib.Gzip;
  const [client, giver] = [new Client(), new Giver()];
  const told: unknown[] = [];
  const body = new RecodedBody({
    coder,
    flushKind,
    pace,
    source: giver,
    wheel: new TimerWheel(),
    host: {
      onRecoded: (bytesIn, bytesOut, isComplete) => told.push({ bytesIn, bytesOut, isComplete }),
      ...(isTooMuch === undefined ? {} : { isTooMuch }),
      onBadInput: () => "UPSTREAM_BAD_RESPONSE",
      onInternalError: (error) => told.push(error),
    },
  });
  return { coder, body, client, giver, told };
}

const step = fc.oneof(
  fc.record({ act: fc.constant("data" as const), bytes: fc.nat(40_000) }),
  fc.record({ act: fc.constantFrom("flush" as const, "flush" as const, "turn" as const, "block" as const) }),
);

for (const kind of ["gzip", "br", "zstd"] as const) {
  test(`whatever comes however, ${kind} says the same, and nothing more`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.constantFrom<Pace>("caught up", "paused"),
        fc.constantFrom("end", "end", "abort", "stop"),
        async (steps, pace, ending) => {
          const { body, client, giver, told, coder } = createBody(kind, pace);
          body.start(client);
          const given: Buffer[] = [];
          // The memory of every chunk is written again as soon as it is the giver's again.
          const memory = Buffer.alloc(40_000);
          for (const [at, one] of steps.entries()) {
            if (one.act === "data" && !giver.isWaiting) {
              const chunk = memory.subarray(0, one.bytes);
              for (let i = 0; i < one.bytes; i++) chunk[i] = 97 + ((i * (at + 3)) % 13);
              given.push(Buffer.from(chunk));
              body.data(chunk);
            } else if (one.act === "flush") giver.isWaiting = !body.flush();
            else if (one.act === "block") client.patience = 1;
            else if (one.act === "turn") {
              await nextTurn();
              if (client.isBlocked) {
                client.patience = Infinity;
                client.isBlocked = false;
                body.resume();
              }
            }
            memory.fill(0);
          }
          if (ending === "abort") body.abort("UPSTREAM_TRUNCATED");
          else if (ending === "stop") body.stop("CLIENT_GONE");
          else body.end(null);
          if (ending !== "end") {
            assert.equal(client.over, ending === "abort" ? "UPSTREAM_TRUNCATED" : null);
            assert.equal(coder.destroyed, true);
            assert.equal(giver.stopped, ending === "stop" ? "CLIENT_GONE" : null);
            const pieces = client.pieces.length;
            await nextTurn();
            assert.equal(client.pieces.length, pieces);
          } else {
            while (client.over === null) {
              await nextTurn();
              if (!client.isBlocked) continue;
              client.patience = Infinity;
              client.isBlocked = false;
              body.resume();
            }
            assert.equal(client.over, "end");
            const all = Buffer.concat(given);
            assert.ok(coders[kind].decode(client.body).equals(all));
            assert.equal(client.body.length, (told[0] as { bytesOut: number }).bytesOut);
            // An empty frame behind the last one (nodejs/node#66078) decodes, and is still not meant.
            if (kind === "zstd") assert.equal(client.body.indexOf("28b52ffd", 1, "hex"), -1);
          }
          assert.equal(told.length, 1);
        },
      ),
      { numRuns: 150 },
    );
  });
}

test("what comes while zlib is at work waits, and goes in few pieces; flushes coalesce", async () => {
  const { coder, body, client } = createBody("gzip");
  const asked: string[] = [];
  // A flush is a write of nothing, to the stream.
  const write = coder.write as (...args: unknown[]) => boolean;
  coder.write = (...args: unknown[]) => {
    const [bytes] = args as [Buffer];
    asked.push(bytes.length === 0 ? "flush" : `write ${bytes.length}`);
    return write.apply(coder, args);
  };
  body.start(client);
  for (let event = 0; event < 1_000; event++) {
    body.data(Buffer.from("event\n"));
    assert.equal(body.flush(), true);
  }
  while (!asked.includes("flush")) await nextTurn();
  body.end(null);
  while (client.over === null) await nextTurn();
  assert.deepEqual(asked.slice(0, 4), ["write 6", "write 4096", "write 1898", "flush"]);
  assert.ok(coder.listenerCount("drain") <= 1 && coder.listenerCount("data") <= 1);
});

test("whoever gives is told to wait while a block's worth waits, and resumed", async () => {
  const { body, client, giver } = createBody("gzip");
  body.start(client);
  const chunk = Buffer.alloc(30_000, "x");
  let count = 0;
  do {
    body.data(chunk);
    count++;
    giver.isWaiting = !body.flush();
  } while (!giver.isWaiting && count < 100);
  assert.ok(count <= 4, `${count} chunks were taken`);
  while (giver.isWaiting) await nextTurn();
  body.abort("UPSTREAM_TRUNCATED");
});

test("a client that takes nothing stops the work, also within one operation that brings much", async () => {
  const { body, client, giver } = createBody("gunzip", "never");
  client.patience = 2;
  body.start(client);
  body.data(zlib.gzipSync(Buffer.alloc(50_000_000)));
  giver.isWaiting = !body.flush();
  body.end(null);
  while (!client.isBlocked) await nextTurn();
  // The threads of zlib would have brought more by the end of these.
  for (let round = 0; round < 50; round++) await gzip(Buffer.alloc(65_536));
  const held = client.body.length;
  assert.ok(held < 200_000, `${held} bytes came`);
  client.patience = Infinity;
  body.resume();
  while (client.over === null) await nextTurn();
  assert.deepEqual([client.over, client.body.length], ["end", 50_000_000]);
});

test("what cannot be read breaks the answer off, and its giver is stopped", async () => {
  for (const input of [Buffer.from("no gzip at all"), zlib.gzipSync("cut short").subarray(0, 15)]) {
    const { body, client, giver, told } = createBody("gunzip", "never");
    body.start(client);
    body.data(input);
    body.flush();
    body.end(null);
    while (client.over === null) await nextTurn();
    assert.deepEqual([client.over, giver.stopped], ["UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE"]);
    assert.equal((told[0] as { isComplete: boolean }).isComplete, false);
  }
});

test("what brings too much is ended before it has", async () => {
  const { body, client } = createBody("gunzip", "never", (bytesIn, bytesOut) => bytesOut > 100 * bytesIn);
  body.start(client);
  body.data(zlib.gzipSync(Buffer.alloc(50_000_000)));
  body.flush();
  while (client.over === null) await nextTurn();
  assert.equal(client.over, "UPSTREAM_BAD_RESPONSE");
  assert.ok(client.body.length < 50_000_000);
});
