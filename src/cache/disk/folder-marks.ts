/** What a folder says of itself: the seed of its names, and how many times it was opened. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { writeDurably } from "../../base/durable-file.ts";
import type { FolderMarks } from "./disk-index.ts";

/** Changes with the names and the form of the files. */
const format = 1;

/** What was found, and whether the files in the folder are of any use. */
export interface OpenedMarks extends FolderMarks {
  /** The folder is new, of another version, or has lost its marks: whatever is in it cannot be found any more. */
  readonly isNew: boolean;
}

/**
 * Opens the folder once more: reads its marks and writes them with the next life, so that nothing of this life is taken
 * for an earlier one. @throws the system's error
 */
export async function openMarks(path: string): Promise<OpenedMarks> {
  const known = await readMarks(path);
  const marks: OpenedMarks =
    known === null
      ? { seedLow: randomWord(), seedHigh: randomWord(), life: 1, isNew: true }
      : { ...known, life: known.life + 1, isNew: false };
  const { seedLow, seedHigh, life } = marks;
  await writeDurably(path, `${JSON.stringify({ format, seedLow, seedHigh, life })}\n`);
  return marks;
}

async function readMarks(path: string): Promise<FolderMarks | null> {
  try {
    const marks = JSON.parse(await readFile(path, "utf8")) as Partial<FolderMarks & { format: number }> | null;
    const { seedLow, seedHigh, life } = marks ?? {};
    if (marks?.format !== format || !isWord(seedLow) || !isWord(seedHigh)) return null;
    return isWord(life) && life > 0 && life < maxLife ? { seedLow, seedHigh, life } : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined || (error as NodeJS.ErrnoException).code === "ENOENT")
      return null;
    throw error;
  }
}

/** Purges of all lives have one order (`purge-journal.ts`); afterwards a folder begins anew. */
const maxLife = 2 ** 21 - 2;

function isWord(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 32;
}

function randomWord(): number {
  return randomInt(0, 2 ** 32) | 0;
}
