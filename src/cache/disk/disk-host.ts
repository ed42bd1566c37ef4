/** What one thread's window on a store lends to the drafts and bodies that it makes. */
import type { ReasonCode } from "../../http/reason.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
import type { DiskFiles } from "./disk-files.ts";
import type { DiskIndex } from "./disk-index.ts";
import type { DiskWork } from "./disk-work.ts";
import type { DraftTable } from "./draft-table.ts";
import type { FolderLayout } from "./folder-layout.ts";

/** What went wrong with a disk; a label of a metric. */
export type DiskTrouble = "open" | "read" | "write" | "rename" | "unlink" | "checksum" | "hang";

/** What parts of a store share in one thread. */
export interface DiskHost {
  readonly files: DiskFiles;
  readonly work: DiskWork;
  readonly index: DiskIndex;
  readonly drafts: DraftTable;
  readonly layout: FolderLayout;
  readonly purges: Pick<PurgeLog, "judgeDraft" | "sequence">;
  readonly maxObjectBytes: number;
  /** Milliseconds on the steady wall clock. */
  nowMs(): number;
  /** Deletes a file; nobody waits for it. */
  unlink(path: string): void;
  /** Deletes a file, as the task that is at work. */
  unlinkNow(path: string, done: (error: NodeJS.ErrnoException | null) => void): void;
  isUnlinking(path: string): boolean;
  afterUnlink(path: string, run: () => void): void;
  /** Wakes other threads, by a mask. */
  ring(mask: number): void;
  /** The disk has done what it was asked. */
  onWorking(): void;
  /** @param error null if it is no error of the system */
  report(trouble: DiskTrouble, error: NodeJS.ErrnoException | null): void;
}

/** What a client's answer ends with if the rest of its body cannot be had any more. */
export const brokenBody: ReasonCode = "UPSTREAM_TRUNCATED";
