/**
 * Goes through the files of a folder, two at a time: a walk through a million of them must leave the disk, and the few
 * threads for calls to it, to those who serve.
 */
import { lstat } from "node:fs";
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type FolderLayout, hashOfName, isDraftName, isObjectFolder } from "./folder-layout.ts";

const atOnce = 2;

/** A file of an answer. */
export interface WalkedFile {
  readonly low: number;
  readonly high: number;
  readonly path: string;
}

/** All files of answers. Folders that cannot be read are left out. */
export async function* walkObjects(layout: FolderLayout): AsyncGenerator<WalkedFile> {
  for (const outer of await namesIn(layout.objects)) {
    if (!isObjectFolder(outer, 0)) continue;
    for (const inner of await namesIn(join(layout.objects, outer))) {
      if (!isObjectFolder(inner, 1)) continue;
      const folder = join(layout.objects, outer, inner);
      for (const name of await namesIn(folder)) {
        const hash = hashOfName(outer, inner, name);
        if (hash !== null) yield { ...hash, path: join(folder, name) };
      }
    }
  }
}

/** Does `work` for all `items`, a few at a time, until `isOver`. */
export async function forEach<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<unknown>,
  isOver: () => boolean,
): Promise<void> {
  const iterator = iterate(items);
  const go = async (): Promise<void> => {
    for (let next = await iterator.next(); next.done !== true && !isOver(); next = await iterator.next())
      await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, go));
}

async function* iterate<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

/** Deletes what a crash has left half done: all drafts that are there. */
export async function deleteDrafts(layout: FolderLayout): Promise<number> {
  const names = (await namesIn(layout.drafts)).filter(isDraftName);
  await forEach(
    names,
    (name) => unlink(join(layout.drafts, name)).catch(() => {}),
    () => false,
  );
  return names.length;
}

/** How many bytes a file takes; null = it is none, or not there any more. By callback: a promise of Node.js costs more. */
export function sizeOf(path: string): Promise<number | null> {
  return new Promise((resolve) =>
    lstat(path, (error, found) => resolve(error === null && found.isFile() ? found.size : null)),
  );
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
