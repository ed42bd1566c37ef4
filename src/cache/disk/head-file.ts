/** The head of a file as the control thread reads and writes it, while it goes through all of them. */
import { systemFiles } from "./disk-files.ts";
import { maxSlotBytes, type ObjectHead, readHeads } from "./object-file.ts";

const firstReadBytes = 4_096;

/** A file that is open. By callbacks: handles of Node.js cost several times as much. */
export class HeadFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws the system's error */
  static open(path: string, flags: "r" | "r+"): Promise<HeadFile> {
    return new Promise((resolve, reject) =>
      systemFiles.open(path, flags, (error, fd) => (error === null ? resolve(new HeadFile(fd)) : reject(error))),
    );
  }

  /** The head of the file at `path`; null = it has none that is whole. @throws the system's error */
  static async read(path: string): Promise<ObjectHead | null> {
    const file = await HeadFile.open(path, "r");
    try {
      return await file.read();
    } finally {
      file.close();
    }
  }

  /** null = there is none that is whole. @throws the system's error */
  async read(): Promise<ObjectHead | null> {
    for (let length = firstReadBytes; ; ) {
      const bytes = await this.#readBytes(length);
      const head = readHeads(bytes);
      if (typeof head !== "number") return head;
      if (bytes.length < length || head <= length || head > 2 * maxSlotBytes) return null;
      length = head;
    }
  }

  #readBytes(length: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(length);
    return new Promise((resolve, reject) =>
      systemFiles.read(this.#fd, target, 0, (error, count) =>
        error === null ? resolve(target.subarray(0, count)) : reject(error),
      ),
    );
  }

  /** @throws the system's error, or another one if not all was written */
  write(bytes: Buffer, position: number): Promise<void> {
    return new Promise((resolve, reject) =>
      systemFiles.write(this.#fd, [bytes], position, (error, count) =>
        error === null && count === bytes.length ? resolve() : reject(error ?? new Error("not all was written")),
      ),
    );
  }

  close(): void {
    systemFiles.close(this.#fd);
  }
}
