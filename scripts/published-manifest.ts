/**
 * The `package.json` that is published: the repository's without what only a checkout needs (the pinned Node,
 * development dependencies, scripts). `npm pack` calls `write` before and `restore` after; a small watcher restores the
 * file should npm be killed in between.
 *
 *   node scripts/published-manifest.ts write | restore
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(import.meta.url);
const manifest = join(dirname(dirname(script)), "package.json");
/** Where the repository's manifest waits while npm packs. It exists only then. */
const original = `${manifest}.original`;

/** The keys of the repository's manifest that an installed package has no use for. */
const developmentKeys: ReadonlySet<string> = new Set(["scripts", "devDependencies", "optionalDependencies"]);

function restore(): void {
  if (existsSync(original)) renameSync(original, manifest);
}

function write(): void {
  restore();
  const text = readFileSync(manifest, "utf8");
  const published = Object.fromEntries(
    Object.entries(JSON.parse(text) as Record<string, unknown>).filter(([key]) => !developmentKeys.has(key)),
  );
  const pending = `${manifest}.published`;
  writeFileSync(original, text);
  writeFileSync(pending, `${JSON.stringify(published, null, 2)}\n`);
  renameSync(pending, manifest);
  // npm runs scripts through a shell, which is gone as soon as the script is: npm itself is the shell's parent.
  const npmPid = parentOf(process.ppid);
  if (npmPid > 1)
    spawn(process.execPath, [script, "watch", String(npmPid)], { detached: true, stdio: "ignore" }).unref();
}

/** The parent of a process; 0 if that cannot be known. */
function parentOf(pid: number): number {
  try {
    const status = existsSync("/proc/self/status")
      ? readFileSync(`/proc/${pid}/status`, "utf8")
      : `PPid: ${execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" })}`;
    return Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Waits until the process that packs is gone, or has restored the file itself. */
function watch(pid: number): void {
  const timer = setInterval(() => {
    if (!existsSync(original)) clearInterval(timer);
    else if (!isAlive(pid)) {
      clearInterval(timer);
      restore();
    }
  }, 250);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

switch (process.argv[2]) {
  case "write":
    write();
    break;
  case "restore":
    restore();
    break;
  case "watch":
    watch(Number(process.argv[3]));
    break;
  default:
    console.error("usage: node scripts/published-manifest.ts write | restore");
    process.exitCode = 2;
}
