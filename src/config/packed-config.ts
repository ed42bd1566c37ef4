/**
 * A configuration as it goes from thread to thread: one shared buffer, in parts. Posted as it is, ten thousand routes
 * and upstreams would be read by the thread that gets them in one piece, for hundreds of milliseconds in which it serves
 * nobody, and be written anew for each thread. A buffer is written once, posted for nothing, and read in slices.
 */
import { deserialize, serialize } from "node:v8";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "./schema.ts";

/** What `unpackConfig` takes. */
export interface PackedConfig {
  readonly bytes: SharedArrayBuffer;
  /** Where each part ends. */
  readonly ends: readonly number[];
}

/** How many routes or upstreams make one part: reading one takes a millisecond or two. */
const entriesPerPart = 128;

/** A part: the rest of the configuration, then some routes each, then some upstreams each. */
type Part =
  | { readonly rest: Omit<Config, "routes" | "upstreams"> }
  | { readonly routes: Config["routes"] }
  | { readonly upstreams: Config["upstreams"] };

/** The packed forms of configurations that were packed here, or came so: a configuration never changes. */
const known = new WeakMap<Config, PackedConfig>();

/** Writes `config`, which is plain data, in slices; once. */
export async function packConfig(config: Config, slices = new TimeSlices()): Promise<PackedConfig> {
  const before = known.get(config);
  if (before !== undefined) return before;
  const written: Buffer[] = [];
  const ends: number[] = [];
  let length = 0;
  for (const part of partsOf(config)) {
    const bytes = serialize(part);
    written.push(bytes);
    length += bytes.length;
    ends.push(length);
    const pause = slices.pause();
    if (pause !== null) await pause;
  }
  const bytes = new SharedArrayBuffer(length);
  const all = new Uint8Array(bytes);
  for (const [at, part] of written.entries()) all.set(part, ends[at - 1] ?? 0);
  const packed = { bytes, ends };
  known.set(config, packed);
  return packed;
}

/** The configuration that was packed, read in slices. */
export async function unpackConfig(packed: PackedConfig, slices = new TimeSlices()): Promise<Config> {
  const { bytes, ends } = packed;
  const routes: Config["routes"] = [];
  const upstreams: Config["upstreams"] = {};
  let rest: Omit<Config, "routes" | "upstreams"> | null = null;
  let start = 0;
  for (const end of ends) {
    const part = deserialize(new Uint8Array(bytes, start, end - start)) as Part;
    start = end;
    if ("rest" in part) rest = part.rest;
    else if ("routes" in part) for (const route of part.routes) routes.push(route);
    else for (const name of Object.keys(part.upstreams)) upstreams[name] = part.upstreams[name]!;
    const pause = slices.pause();
    if (pause !== null) await pause;
  }
  if (rest === null) throw new Error("this is no packed configuration");
  const config = { ...rest, routes, upstreams };
  known.set(config, packed);
  return config;
}

function* partsOf({ routes, upstreams, ...rest }: Config): Generator<Part> {
  yield { rest };
  for (let at = 0; at < routes.length; at += entriesPerPart) yield { routes: routes.slice(at, at + entriesPerPart) };
  const names = Object.keys(upstreams);
  for (let at = 0; at < names.length; at += entriesPerPart)
    yield {
      upstreams: Object.fromEntries(names.slice(at, at + entriesPerPart).map((name) => [name, upstreams[name]!])),
    };
}
