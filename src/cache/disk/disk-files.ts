/** What the data path of a store does to files: calls with callbacks, so that tests can let each fail, wait or tear. */
import { close, mkdir, open, read, rename, unlink, writev } from "node:fs";

type Failure = NodeJS.ErrnoException | null;

/** Files, as a store sees them. */
export interface DiskFiles {
  open(path: string, flags: "r" | "r+" | "wx+", done: (error: Failure, fd: number) => void): void;
  /** Reads until `target` is full or the file is at its end. */
  read(fd: number, target: Buffer, position: number, done: (error: Failure, bytes: number) => void): void;
  /** May write less than all. */
  write(fd: number, buffers: readonly Buffer[], position: number, done: (error: Failure, bytes: number) => void): void;
  rename(from: string, to: string, done: (error: Failure) => void): void;
  unlink(path: string, done: (error: Failure) => void): void;
  mkdir(path: string, done: (error: Failure) => void): void;
  close(fd: number): void;
}

const ignore = (): void => {};

/** The files of the system. */
export const systemFiles: DiskFiles = {
  open: (path, flags, done) => open(path, flags, 0o600, done),
  read: (fd, target, position, done) => read(fd, target, 0, target.length, position, done),
  write: (fd, buffers, position, done) => writev(fd, buffers as Buffer[], position, done),
  rename: (from, to, done) => rename(from, to, done),
  unlink: (path, done) => unlink(path, done),
  mkdir: (path, done) => mkdir(path, { mode: 0o700 }, done),
  close: (fd) => close(fd, ignore),
};
