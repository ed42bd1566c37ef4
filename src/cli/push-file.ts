/** What `millrace push` does: validate, compare, write, and hear what the instances say. */
import { readFile } from "node:fs/promises";
import { configFormOf } from "../config/config-file.ts";
import { findConfigWarnings } from "../config/config-warnings.ts";
import { describeDiff, diffConfig } from "../config/diff-config.ts";
import { ConfigError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { type ConfigStore, maxStoredBytes, type StoredText } from "../config/store/config-store.ts";
import type { StorePlace } from "../config/store/store-place.ts";
import { CommandFailure, describeSystemError } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";
import { awaitInstances } from "./push-wait.ts";
import { validateStored, withStore } from "./store-access.ts";
import { print, printError } from "./terminal.ts";

/** What is pushed, where, and how carefully. */
export interface PushRequest {
  readonly file: string;
  readonly place: StorePlace;
  readonly isDryRun: boolean;
  readonly isForced: boolean;
  /** The version that is to be replaced; "0": none is there; null: whichever is there. */
  readonly expected: string | null;
  /** How long to wait for the instances; null: not at all. */
  readonly waitMs: number | null;
}

/** @throws CommandFailure; then nothing was written, unless it says so */
export async function pushFile(request: PushRequest): Promise<void> {
  const text = await readText(request.file);
  const config = await validateStored(text, request.file, configFormOf(request.file) === "json").catch(
    async (error: unknown) => {
      throw await toCommandFailure(error);
    },
  );
  for (const warning of findConfigWarnings(config)) printError(`warning: ${warning}`);
  await withStore(request.place, (store) => push(request, store, { text, config }));
}

async function readText(file: string): Promise<string> {
  if (configFormOf(file) === "module")
    throw new CommandFailure(
      `${file} is a program, and a store holds text: push the YAML or JSON that it stands for, or have it written by a program of your own.`,
      2,
    );
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new CommandFailure(describeSystemError(error) ?? `${file} cannot be read.`);
  }
  if (bytes.length > maxStoredBytes)
    throw new CommandFailure(`${file} is larger than ${maxStoredBytes >> 10} KiB, more than a store takes.`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandFailure(`${file} is not UTF-8 text.`);
  }
}

async function push(
  request: PushRequest,
  store: ConfigStore,
  { text, config }: { readonly text: string; readonly config: Config },
): Promise<void> {
  const { expected, isDryRun, waitMs } = request;
  const before = await store.read();
  const version = before?.version ?? null;
  if (expected !== null && expected !== (version ?? "0"))
    throw new CommandFailure(
      `${store.name} ${version === null ? "is not there" : `is at version ${version}`}, not at ${expected}: somebody else has written. Nothing was written.`,
    );
  print(`${store.name}: ${await describeChange(request, before, config)}.`);
  if (before?.text === text) return after(store, before.version, waitMs);
  if (isDryRun) return print("Nothing was written (--dry-run).");
  if (!(await store.write(text, version)))
    throw new CommandFailure(
      `${store.name} was changed by somebody else at the same moment. Nothing was written; look and push again.`,
    );
  const written = await store.read();
  if (written?.text !== text) return print("Written, and replaced by somebody else already.");
  print(`Written as version ${written.version}.`);
  await after(store, written.version, waitMs);
}

async function after(store: ConfigStore, version: string, waitMs: number | null): Promise<void> {
  if (waitMs !== null) await awaitInstances(store, { version, waitMs });
}

/** @throws CommandFailure if what is there is no configuration, and nobody says that it may go */
async function describeChange(request: PushRequest, before: StoredText | null, config: Config): Promise<string> {
  if (before === null) return "there is nothing yet";
  let old: Config;
  try {
    old = await validateStored(before.text, request.place.name);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [first] = error.problems;
    if (!request.isForced && !looksLikeConfig(before.text))
      throw new CommandFailure(
        `What is under ${request.place.name} is no configuration: ${first?.message ?? "it cannot be read"}. Nothing was written; --force replaces it.`,
      );
    return `version ${before.version}, which is not valid here, is replaced`;
  }
  return describeDiff(await diffConfig(old, config));
}

/** A configuration with a mistake may be replaced by one without; a stranger's value may not. */
const looksLikeConfig = (text: string): boolean =>
  /^\s*["']?(?:listeners|routes|upstreams)["']?\s*:/m.test(text) || text.trim() === "";
