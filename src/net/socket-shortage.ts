/** Why no socket could be had at all: a shortage of this process or machine, which says nothing of whoever was to be reached. */
const shortages: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** Is the system's error `code` such a shortage? */
export function isSocketShortage(code: string | undefined): boolean {
  return code !== undefined && shortages.has(code);
}
