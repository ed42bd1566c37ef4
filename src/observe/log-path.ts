/**
 * What the path of a log means. `-`, `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/3` and symbolic links to them mean the
 * inherited descriptor itself: opened anew, a file would be written from its beginning, over what others write, and a
 * socket (systemd) cannot be opened at all.
 */
import { readlink } from "node:fs";
import { dirname, resolve } from "node:path";
import { isPoolShort, LogCall } from "./log-call.ts";

const maxLinks = 8;

/**
 * The inherited descriptor that `path` means, or null if it is a path like any other. Links that cannot be read within
 * `patienceMs`, because a disk hangs, are not followed.
 */
export async function inheritedDescriptorOf(path: string, patienceMs: number): Promise<number | null> {
  const untilMs = performance.now() + patienceMs;
  let current = path;
  for (let links = 0; links < maxLinks; links++) {
    const named = nameOfDescriptor(current);
    if (named !== null) return named;
    const target = await readLink(current, untilMs - performance.now());
    if (target === null) return null;
    current = resolve(dirname(current), target);
  }
  return null;
}

function nameOfDescriptor(path: string): number | null {
  if (path === "-" || path === "/dev/stdout") return 1;
  if (path === "/dev/stderr") return 2;
  const [, pid, number] = /^\/(?:dev|proc\/(self|thread-self|\d+))\/fd\/(\d{1,6})$/.exec(path) ?? [];
  return number === undefined || (pid !== undefined && /^\d/.test(pid) && Number(pid) !== process.pid)
    ? null
    : Number(number);
}

/** Where the symbolic link leads; null if it is none, or nobody says so in time. */
function readLink(path: string, patienceMs: number): Promise<string | null> {
  if (isPoolShort()) return Promise.resolve(null);
  const call = new LogCall();
  return new Promise((done) => {
    const timer = setTimeout(() => {
      call.noteHanging();
      done(null);
    }, patienceMs);
    readlink(path, (error, target) => {
      call.end();
      clearTimeout(timer);
      done(error === null ? target : null);
    });
  });
}
