/** Has the root of the local authority trusted on this machine, or no longer. */
import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { accessSync, constants, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { keychainStore, windowsStore } from "./command-stores.ts";
import { LinuxStore } from "./linux-store.ts";
import { findNssStores } from "./nss-store.ts";
import type { TrustedRoot, TrustMachine, TrustOutcome, TrustStore } from "./trust-store.ts";

/** Writes the root into its folder as a file that other programs can take. @param certPem the root */
export function exportRoot(folder: string, certPem: string): TrustedRoot {
  const file = join(folder, "root.pem");
  writeFileSync(file, certPem, { mode: 0o644 });
  const { raw, subject } = new X509Certificate(certPem);
  const name = /(?:^|\n)CN=([^\n]*)/.exec(subject)?.[1] ?? "Millrace local authority";
  return { file, name, id: createHash("sha256").update(raw).digest("hex").slice(0, 12) };
}

/** @returns what became of it in each store, in words */
export function changeTrust(root: TrustedRoot, to: "trust" | "distrust", machine: TrustMachine): TrustOutcome[] {
  return storesOf(machine).map((store) => store[to](root));
}

function storesOf(machine: TrustMachine): TrustStore[] {
  if (machine.platform === "darwin") return [keychainStore(machine)];
  if (machine.platform === "win32") return [windowsStore(machine)];
  return [new LinuxStore(machine), ...findNssStores(machine)];
}

/** This machine. */
export const thisMachine: TrustMachine = {
  platform: process.platform,
  root: "",
  home: homedir(),
  isPrivileged: process.getuid?.() === 0,
  hasCommand: (name) =>
    [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"].some((folder) => isProgram(join(folder, name))),
  run(command, args) {
    const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
    return { isFine: status === 0, output: error?.message ?? `${stdout}${stderr}` };
  },
};

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
