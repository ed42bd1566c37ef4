/**
 * Installs what the tests or the benchmark need from Debian's packages, and only what is missing:
 * `node scripts/install-packages.ts bench` (or `test`). Does nothing if every command is already there.
 * Services that a package would start by itself are kept from starting while it installs.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A set of commands that belong together. */
export type PackageGroup = "bench" | "test";

/** Debian package by the command it brings. */
const groups: Record<PackageGroup, Record<string, string>> = {
  bench: {
    wrk: "wrk",
    nginx: "nginx-light",
    haproxy: "haproxy",
    varnishd: "varnish",
    caddy: "caddy",
    go: "golang-go",
    h2load: "nghttp2-client",
    curl: "curl",
    python3: "python3",
    taskset: "util-linux",
  },
  test: {
    h2load: "nghttp2-client",
    curl: "curl",
    openssl: "openssl",
    certutil: "libnss3-tools",
    haproxy: "haproxy",
    nginx: "nginx-light",
    python3: "python3",
    "redis-server": "redis-server",
    pebble: "pebble",
    etcd: "etcd-server",
    dnsmasq: "dnsmasq-base",
  },
};

const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Absolute path of a command on PATH or in the system folders; null when there is none. */
export function findCommand(name: string): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...systemFolders];
  for (const folder of folders) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  return null;
}

/** The packages of a group whose command is missing. */
export function missingPackages(group: PackageGroup): string[] {
  return Object.entries(groups[group])
    .filter(([command]) => findCommand(command) === null)
    .map(([, name]) => name);
}

/**
 * Makes the commands of a group available. Returns the packages that are still missing, empty when all is well;
 * says on stderr what it does and why it cannot.
 */
export function installPackages(group: PackageGroup): string[] {
  const missing = missingPackages(group);
  if (missing.length === 0) return [];
  const byHand = `apt-get install --no-install-recommends ${missing.join(" ")}`;
  if (findCommand("apt-get") === null) {
    console.error(
      `Missing: ${missing.join(", ")}. This system has no apt-get; install them with its own package manager.`,
    );
    return missing;
  }
  if (process.getuid?.() !== 0) {
    console.error(`Missing: ${missing.join(", ")}. Installing needs root; run: sudo ${byHand}`);
    return missing;
  }
  console.error(`Installing ${missing.join(", ")} from the system's packages`);
  withoutStartingServices(() => {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const run = (...args: string[]): boolean =>
      spawnSync("apt-get", ["-qq", ...args], { env: environment, stdio: ["ignore", 2, 2] }).status === 0;
    const install = (): boolean => run("install", "-y", "--no-install-recommends", ...missing);
    // The package lists of a fresh machine are empty or old: the second attempt follows an update.
    if (!install() && !(run("update") && install())) console.error(`apt-get failed. By hand: ${byHand}`);
  });
  return missingPackages(group);
}

/** `policy-rc.d` answering 101 is Debian's way to say "install, but start nothing". */
function withoutStartingServices(install: () => void): void {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

if (import.meta.main) {
  const group = process.argv[2];
  if (group !== "bench" && group !== "test") {
    console.error("Usage: node scripts/install-packages.ts bench|test");
    process.exitCode = 2;
  } else {
    process.exitCode = installPackages(group).length === 0 ? 0 : 1;
  }
}
