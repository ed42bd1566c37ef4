/** Opens stores on a disk for tests: one folder, as many windows on it as a test has threads. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegion, type ReservedRegion, SharedMemory } from "../../../base/shared-memory.ts";
import { systemScheduler } from "../../../base/scheduler.ts";
import type { StoredAnswer } from "../../../http/cache/stored-answer.ts";
import type { BodySink } from "../../../http/body.ts";
import type { CacheStore, StoredBody } from "../../cache-store.ts";
import { Doorbells } from "../../fill/doorbells.ts";
import { PurgeLog } from "../../purge/purge-log.ts";
import { sampleAnswer } from "../../testing/sample-answers.ts";
import { DiskKeeper, type DiskKeeperParts } from "../disk-keeper.ts";
import { diskRegions, type DiskRegions, reserveDisk } from "../disk-regions.ts";
import { DiskStore, type DiskStoreParts } from "../disk-store.ts";

/** A folder that is open. */
export interface OpenDisk {
  readonly path: string;
  readonly memory: SharedMemory;
  readonly regions: DiskRegions;
  readonly purges: PurgeLog;
  readonly keeper: DiskKeeper;
  readonly troubles: string[];
  readonly reserved: readonly ReservedRegion[];
  /** A window on it, of stripe 0 unless it says otherwise. */
  store(parts?: Partial<DiskStoreParts>): DiskStore;
  /** Closes the windows and the keeper. */
  close(): Promise<void>;
}

/** What a test may say of a folder. */
export interface DiskOptions {
  readonly path: string;
  readonly maxBytes?: number;
  readonly maxObjectBytes?: number;
  readonly keeper?: Partial<DiskKeeperParts>;
}

const stripes = 4;

/** Opens a folder and waits until it is counted. */
export async function openDisk(options: DiskOptions): Promise<OpenDisk> {
  const { path, maxBytes = 16 * 1_048_576, maxObjectBytes = 4 * 1_048_576 } = options;
  const memory = new SharedMemory();
  Doorbells.reserve(memory, stripes);
  PurgeLog.reserve(memory);
  const purges = PurgeLog.open(memory);
  const regions = diskRegions(memory, { name: "disk", path, maxBytes }, stripes);
  const bells = Doorbells.open(memory, 0, stripes);
  const reserved = reserveDisk({ name: "disk", path, maxBytes }, { memory, stripes }, (mask) => bells.ring(mask));
  const troubles: string[] = [];
  const keeper = new DiskKeeper({
    name: "disk",
    path,
    maxBytes,
    regions,
    stripes,
    purges,
    nowMs: Date.now,
    onTrouble: (reason) => troubles.push(reason),
    onOpen: () => {},
    ...options.keeper,
  });
  keeper.open();
  await keeper.opened;
  const stores: DiskStore[] = [];
  return {
    path,
    memory,
    regions,
    purges,
    keeper,
    troubles,
    reserved,
    store(parts = {}) {
      const stripeIndex = parts.stripeIndex ?? 0;
      const store = new DiskStore({
        path,
        maxBytes,
        maxObjectBytes,
        regions,
        stripeIndex,
        stripes,
        doorbells: Doorbells.open(memory, stripeIndex, stripes),
        purges: PurgeLog.open(memory),
        scheduler: systemScheduler,
        nowMs: Date.now,
        report: (trouble, error) => troubles.push(`${trouble} ${error?.code ?? ""}`),
        timeoutMs: 20_000,
        ...parts,
      });
      stores.push(store);
      return store;
    },
    async close() {
      for (const store of stores) store.close();
      await keeper.close();
    },
  };
}

/** Makes a folder, hands it to `use`, and deletes it. */
export async function withFolder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "millrace-disk-"));
  try {
    await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** An answer that is fresh for an hour. */
export function answerOf(parts: Partial<StoredAnswer> = {}): StoredAnswer {
  const nowMs = Date.now();
  return sampleAnswer({
    fields: "content-type: text/plain\r\n",
    bornMs: nowMs,
    freshUntilMs: nowMs + 3_600_000,
    staleWhileRevalidateUntilMs: nowMs + 3_600_000,
    staleIfErrorUntilMs: nowMs + 3_600_000,
    url: "http://example.test/",
    ...parts,
  });
}

const bodies = new Map<string, Buffer>();

/** Bytes that tell where they are from. */
export function bodyOf(seed: number, length: number): Buffer {
  const name = `${seed} ${length}`;
  const body = bodies.get(name) ?? makeBody(seed, length);
  bodies.set(name, body);
  return body;
}

function makeBody(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Stores a body, and waits until it is on the disk. */
export async function put(
  store: DiskStore,
  key: string,
  body: Buffer,
  { answer = answerOf(), isOver }: { readonly answer?: StoredAnswer; readonly isOver?: () => boolean } = {},
): Promise<boolean> {
  const draft = store.create(key, answer);
  if (draft === null) return false;
  for (let at = 0; at < body.length; at += 16_384) draft.append(body.subarray(at, at + 16_384));
  draft.commit({ ...answer, bodyBytes: body.length });
  await settled(store, isOver);
  return true;
}

/** Waits until nothing is under way, or nothing comes any more. */
export async function settled(store: DiskStore, isOver: () => boolean = () => false): Promise<void> {
  while (!isOver()) {
    const { waiting, underWay, unsettled, refreshing } = store.inspect();
    if (waiting + underWay + unsettled + refreshing === 0) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, 1));
  }
}

export function find(store: CacheStore, key: string): Promise<StoredBody | null> {
  return new Promise((resolve) => store.find(key, resolve));
}

/** What a body gave; null = it broke off. */
export function read(body: StoredBody, start = 0, end = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const sink: BodySink = {
      data: (chunk) => void chunks.push(Buffer.from(chunk)),
      flush: () => true,
      end: () => {
        resolve(Buffer.concat(chunks));
        return true;
      },
      abort: () => resolve(null),
    };
    body.open(start, end, sink);
  });
}

/** What is stored under a key: null = a miss, or it broke off. */
export async function get(store: CacheStore, key: string): Promise<Buffer | null> {
  const found = await find(store, key);
  return found === null ? null : await read(found);
}

/** Memory that nobody shares, for tests of one part. */
export const regionOf = createRegion;
