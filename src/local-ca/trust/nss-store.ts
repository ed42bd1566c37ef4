/**
 * The databases of Chromium, Chrome and Firefox (NSS) on Linux, which do not ask the system. They are the user's own,
 * and changed by `certutil`.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TrustedRoot, TrustMachine, TrustOutcome, TrustStore } from "./trust-store.ts";

/** Where Firefox has its profiles, in the home. */
const profileFolders = [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox", ".config/mozilla/firefox"];

/** One database. */
export class NssStore implements TrustStore {
  readonly #machine: TrustMachine;
  readonly #folder: string;
  readonly #browser: string;

  constructor(machine: TrustMachine, folder: string, browser: string) {
    this.#machine = machine;
    this.#folder = folder;
    this.#browser = browser;
  }

  trust(root: TrustedRoot): TrustOutcome {
    const missing = this.#missingCommand();
    if (missing !== null) return missing;
    if (!existsSync(join(this.#folder, "cert9.db"))) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const made = this.#certutil("-N", "--empty-password");
      if (!made.isFine) return this.#failed(made.output);
    }
    if (this.#has(root)) return { kind: "unchanged", text: `${this.#browser}: trusts it already` };
    const { isFine, output } = this.#certutil("-A", "-t", "C,,", "-n", root.name, "-i", root.file);
    return isFine ? { kind: "done", text: `${this.#browser} trusts it (${this.#folder})` } : this.#failed(output);
  }

  distrust(root: TrustedRoot): TrustOutcome {
    if (!existsSync(join(this.#folder, "cert9.db")))
      return { kind: "unchanged", text: `${this.#browser}: nothing to do` };
    const missing = this.#missingCommand();
    if (missing !== null) return missing;
    if (!this.#has(root)) return { kind: "unchanged", text: `${this.#browser}: nothing to do` };
    const { isFine, output } = this.#certutil("-D", "-n", root.name);
    return isFine ? { kind: "done", text: `${this.#browser} trusts it no longer` } : this.#failed(output);
  }

  #has(root: TrustedRoot): boolean {
    return this.#certutil("-L", "-n", root.name).isFine;
  }

  #missingCommand(): TrustOutcome | null {
    if (this.#machine.hasCommand("certutil")) return null;
    return this.#failed("`certutil` is not installed (Debian: libnss3-tools, Fedora: nss-tools, Arch: nss)");
  }

  #failed(why: string): TrustOutcome {
    return { kind: "failed", text: `${this.#browser}: ${why.trim()}` };
  }

  #certutil(...args: readonly string[]): ReturnType<TrustMachine["run"]> {
    return this.#machine.run("certutil", ["-d", `sql:${this.#folder}`, ...args]);
  }
}

/** The databases that there are, and that of Chromium in any case: it is made with the first start otherwise. */
export function findNssStores(machine: TrustMachine): NssStore[] {
  const stores = [new NssStore(machine, join(machine.home, ".pki/nssdb"), "Chromium")];
  for (const folder of profileFolders.map((name) => join(machine.home, name))) {
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory() && existsSync(join(folder, entry.name, "cert9.db")))
        stores.push(new NssStore(machine, join(folder, entry.name), `Firefox (${entry.name})`));
  }
  return stores;
}
