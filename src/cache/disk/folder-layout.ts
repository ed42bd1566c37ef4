/**
 * The names in the folder of a store. Files of answers are named by a keyed hash of their key, in 4,096 folders on two
 * levels: nobody can choose requests whose files fall together without knowing the folder's seed, and the key stands in
 * the file.
 */
import { join } from "node:path";

/** Of the names of drafts. */
const draftPattern = /^[0-9a-z]+-[0-9a-z]+\.part$/;
const objectPattern = /^[0-9a-f]{13}$/;
const folderPattern = [/^[0-9a-f]{2}$/, /^[0-9a-f]$/] as const;

/** The names in one folder. */
export class FolderLayout {
  readonly path: string;
  /** Who has the folder open. */
  readonly lock: string;
  /** What the folder is, its seed, and how many times it was opened. */
  readonly marks: string;
  /** The purges that the files may not have seen yet. */
  readonly purges: string;
  /** Answers that are being written. */
  readonly drafts: string;
  /** Answers that are complete. */
  readonly objects: string;

  constructor(path: string) {
    this.path = path;
    this.lock = join(path, "lock");
    this.marks = join(path, "marks.json");
    this.purges = join(path, "purges");
    this.drafts = join(path, "drafts");
    this.objects = join(path, "answers");
  }

  /** The file of what has this hash. */
  object(low: number, high: number): string {
    const name = hex(low) + hex(high);
    return join(this.objects, name.slice(0, 2), name.slice(2, 3), name.slice(3));
  }

  /** The folder of that file, and the one above it. */
  objectFolders(low: number): readonly [outer: string, inner: string] {
    const name = hex(low);
    const outer = join(this.objects, name.slice(0, 2));
    return [outer, join(outer, name.slice(2, 3))];
  }

  draft(life: number, draft: number): string {
    return join(this.drafts, `${life.toString(36)}-${draft.toString(36)}.part`);
  }
}

/** The hash that a file's name stands for, from its two folders and itself; null if it is none of ours. */
export function hashOfName(outer: string, inner: string, name: string): { low: number; high: number } | null {
  if (!objectPattern.test(name)) return null;
  const digits = outer + inner + name;
  return { low: Number.parseInt(digits.slice(0, 8), 16) | 0, high: Number.parseInt(digits.slice(8), 16) | 0 };
}

/** Is this one of the folders that files of answers are in, of the first or second level? */
export function isObjectFolder(name: string, level: 0 | 1): boolean {
  return folderPattern[level].test(name);
}

export function isDraftName(name: string): boolean {
  return draftPattern.test(name);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
