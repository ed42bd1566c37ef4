/** The system's store on Linux: a folder for files, and a command that reads it. Distributions have one of three. */
import { copyFileSync, chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TrustedRoot, TrustMachine, TrustOutcome, TrustStore } from "./trust-store.ts";

interface Family {
  readonly folder: string;
  readonly extension: string;
  readonly update: readonly [command: string, ...args: string[]];
}

const families: readonly Family[] = [
  // Debian, Ubuntu, Alpine.
  { folder: "/usr/local/share/ca-certificates", extension: "crt", update: ["update-ca-certificates"] },
  // Fedora, Red Hat.
  { folder: "/etc/pki/ca-trust/source/anchors", extension: "pem", update: ["update-ca-trust", "extract"] },
  // Arch.
  { folder: "/etc/ca-certificates/trust-source/anchors", extension: "crt", update: ["trust", "extract-compat"] },
];

/** curl, git, Python, Go and whatever else asks OpenSSL or GnuTLS. */
export class LinuxStore implements TrustStore {
  readonly #machine: TrustMachine;

  constructor(machine: TrustMachine) {
    this.#machine = machine;
  }

  trust(root: TrustedRoot): TrustOutcome {
    return this.#change(root, (family, path) => {
      if (existsSync(path) && readFileSync(path).equals(readFileSync(root.file))) return null;
      return {
        by: () => {
          copyFileSync(root.file, path);
          chmodSync(path, 0o644);
        },
        shell: `install -m 644 ${quote(root.file)} ${quote(path)} && ${family.update.join(" ")}`,
        said: `the system trusts it (${path})`,
      };
    });
  }

  distrust(root: TrustedRoot): TrustOutcome {
    return this.#change(root, (family, path) =>
      existsSync(path)
        ? {
            by: () => rmSync(path),
            shell: `rm ${quote(path)} && ${family.update.join(" ")}`,
            said: "the system trusts it no longer",
          }
        : null,
    );
  }

  /** @param change null = nothing is to be done */
  #change(
    root: TrustedRoot,
    change: (family: Family, path: string) => { by: () => void; shell: string; said: string } | null,
  ): TrustOutcome {
    const machine = this.#machine;
    const family = families.find(({ folder }) => existsSync(machine.root + folder));
    if (family === undefined)
      return { kind: "failed", text: `the system's store is not where we know it; take ${root.file} into it by hand` };
    const found = change(family, join(machine.root + family.folder, `millrace-${root.id}.${family.extension}`));
    if (found === null) return { kind: "unchanged", text: "the system: nothing to do" };
    if (!machine.isPrivileged)
      return { kind: "failed", text: `the system: needs root; run: sudo sh -c '${found.shell}'` };
    try {
      found.by();
    } catch (error) {
      return { kind: "failed", text: `the system: ${error instanceof Error ? error.message : String(error)}` };
    }
    const [command, ...args] = family.update;
    const { isFine, output } = machine.run(command, args);
    return isFine
      ? { kind: "done", text: found.said }
      : { kind: "failed", text: `the system: \`${family.update.join(" ")}\` failed: ${output}` };
  }
}

/** For `sh`, within single quotes: our own paths have no quotes of either kind, others are left to people. */
const quote = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `"${path}"`);
