/**
 * Files that must not be torn: one is written beside, brought to the disk and renamed, so that a crash or a full disk
 * leaves the old one. Nobody but the user of this process can read them.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes `text` the content of the file at `path`, whose folder is made if it is not there. @throws the system's error */
export async function writeDurably(path: string, text: string): Promise<void> {
  await makePrivateFolder(dirname(path));
  const pending = `${path}.${randomUUID()}.tmp`;
  try {
    await writeThrough(pending, text);
    await rename(pending, path);
  } catch (error) {
    await rm(pending, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Not by `recursive` of Node.js, which never ends below `/proc`: there a folder is, and nothing can be made in it. */
export async function makePrivateFolder(path: string): Promise<void> {
  const make = (): Promise<void> => mkdir(path, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === "ENOENT" && parent !== path) {
      await makePrivateFolder(parent);
      await make().catch(passIfThere);
    } else passIfThere(error);
  }
}

/** Another process may have made the folder meanwhile. */
function passIfThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
}

/** Makes a file, which must not be there, and brings `text` to the disk. */
export async function writeThrough(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The new name is on the disk only when its folder is. Not every system can do that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
