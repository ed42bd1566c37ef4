/** A file system of its own, small enough to be filled, for tests of what is kept on disks. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeSync, openSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A mounted disk. */
export interface SmallDisk {
  readonly folder: string;
  /** No byte more fits on it. */
  fill(): void;
  /** What `fill` has written is gone. */
  empty(): void;
  setReadOnly(isReadOnly: boolean): void;
}

/** Mounts one of 256 KiB until the test ends; null if this user may not mount anything, or this system does it otherwise. */
export function mountSmallDisk(context: TestContext): SmallDisk | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), "millrace-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k,mode=700", "millrace-test", folder], { stdio: "pipe" });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  context.after(() => {
    execFileSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true });
  });
  const filler = join(folder, "filler");
  return {
    folder,
    fill() {
      const file = openSync(filler, "a");
      try {
        for (let size = 65_536; size >= 1; ) {
          try {
            if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
          } catch {
            size >>= 1;
          }
        }
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler),
    setReadOnly: (isReadOnly) =>
      void execFileSync("mount", ["-o", `remount,${isReadOnly ? "ro" : "rw"}`, folder], { stdio: "pipe" }),
  };
}
