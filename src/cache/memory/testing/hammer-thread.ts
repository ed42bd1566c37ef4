/**
 * A thread that uses a memory store as hard as it can, for tests: it stores, finds, reads slowly, refreshes, removes and
 * breaks off, by chance. Every body carries its key, its length and a checksum; the first that is torn ends the thread.
 */
import { parentPort, workerData } from "node:worker_threads";
import { hash32 } from "../../../base/hash.ts";
import { seededRandom } from "../../../base/random.ts";
import { SharedMemory, wordsOf } from "../../../base/shared-memory.ts";
import { systemClock } from "../../../base/clock.ts";
import { SteadyClock } from "../../../base/steady-clock.ts";
import type { BodySink, BodySource } from "../../../http/body.ts";
import { Doorbells } from "../../fill/doorbells.ts";
import { PurgeLog } from "../../purge/purge-log.ts";
import { sampleAnswer } from "../../testing/sample-answers.ts";
import type { Draft, StoredBody } from "../../cache-store.ts";
import { draftWord, firstCount, type HammerData, hammerKey } from "./hammer-data.ts";
import { openMemoryStore } from "../open-memory-store.ts";

const keys = 60;
const headBytes = 16;

const { snapshot, place, stripeIndex, stripes, seed } = workerData as HammerData;
const memory = new SharedMemory(snapshot);
const words = wordsOf(memory.region(hammerKey, 256));
const store = openMemoryStore(
  place,
  { memory, stripeIndex, stripes },
  {
    clock: SteadyClock.open(memory, systemClock),
    purges: PurgeLog.open(memory),
    doorbells: Doorbells.open(memory, stripeIndex, stripes),
  },
);
const random = seededRandom(seed);
const below = (limit: number): number => Math.floor(random() * limit);

/** Key, length and checksum, then bytes that follow from the checksum. */
function bodyOf(key: number, length: number): Buffer {
  const body = Buffer.alloc(Math.max(headBytes, length), below(256));
  body.writeUInt32LE(below(2 ** 32), 12);
  body.writeUInt32LE(key, 0);
  body.writeUInt32LE(body.length, 4);
  body.writeUInt32LE(sumOf(body), 8);
  return body;
}

function sumOf(body: Buffer): number {
  return hash32(body.latin1Slice(12));
}

function fail(sentence: string): never {
  parentPort?.postMessage(sentence);
  throw new Error(sentence);
}

/** Reads a body, now and then slowly or only in part, and looks whether it is whole. */
class CheckingSink implements BodySink {
  readonly #chunks: Buffer[] = [];
  readonly #key: number | null;
  readonly #isSlow = random() < 0.2;
  source: BodySource | null = null;

  constructor(key: number | null) {
    this.#key = key;
  }

  data(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
  }

  flush(): boolean {
    if (!this.#isSlow) return true;
    setImmediate(() => {
      if (random() < 0.1) this.source?.stop("CLIENT_GONE");
      else this.source?.resume();
    });
    return false;
  }

  end(): boolean {
    const body = Buffer.concat(this.#chunks);
    if (body.length < headBytes) fail(`a body of ${body.length} bytes`);
    if (this.#key !== null && body.readUInt32LE(0) !== this.#key) fail("a body of another key");
    if (body.readUInt32LE(4) !== body.length) fail(`a body of ${body.length} bytes that says ${body.readUInt32LE(4)}`);
    if (body.readUInt32LE(8) !== sumOf(body)) fail("a torn body");
    return random() < 0.5;
  }

  abort(): void {}
}

function read(body: StoredBody, key: number | null): void {
  const sink = new CheckingSink(key);
  sink.source = body.open(0, Infinity, sink);
}

const drafts: { draft: Draft; body: Buffer; at: number }[] = [];

function goOn(): void {
  const at = below(drafts.length);
  const one = drafts[at]!;
  const end = Math.min(one.body.length, one.at + 1 + below(30_000));
  one.draft.append(one.body.subarray(one.at, end));
  one.at = end;
  const isAborted = random() < 0.03;
  if (end < one.body.length && !isAborted) return;
  drafts.splice(at, 1);
  if (isAborted) one.draft.abort();
  else one.draft.commit(sampleAnswer({ bodyBytes: one.body.length, fields: `key: ${one.body.readUInt32LE(0)}\r\n` }));
}

function begin(key: number): void {
  const body = bodyOf(key, random() < 0.1 ? below(70_000) : below(4_000));
  const draft = store.create(`key ${key}`, sampleAnswer({ bodyBytes: random() < 0.5 ? body.length : null }));
  if (draft === null) return;
  drafts.push({ draft, body, at: 0 });
  Atomics.store(words, draftWord, draft.id % 0x100_0000);
  if (random() < 0.3) read(draft.read(), key);
}

function act(): void {
  const key = below(keys);
  const kind = random();
  if (kind < 0.15 && drafts.length < 8) begin(key);
  else if (kind < 0.45 && drafts.length > 0) goOn();
  else if (kind < 0.47) store.remove(`key ${key}`);
  else if (kind < 0.5) {
    const body = store.findDraft(Atomics.load(words, draftWord) + below(50) * 0x100_0000);
    if (body !== null) read(body, null);
  } else
    store.find(`key ${key}`, (found) => {
      if (found === null) return;
      if (found.answer.fields !== `key: ${key}\r\n`) fail(`the head ${found.answer.fields} under the key ${key}`);
      if (kind < 0.53) store.refresh(`key ${key}`, found, { ...found.answer, bornMs: below(1e12) });
      read(found, key);
    });
  Atomics.add(words, firstCount + stripeIndex, 1);
}

function turn(): void {
  for (let round = 0; round < 50; round++) act();
  // Tells that it goes on.
  parentPort?.postMessage(null);
  if (Atomics.load(words, 0) === 0) setImmediate(turn);
  else store.close();
}
turn();
