/** The stores of macOS and Windows: each has a command that changes it, and asks the user if it wants to. */
import type { TrustedRoot, TrustMachine, TrustOutcome, TrustStore } from "./trust-store.ts";

type Command = readonly [command: string, ...args: string[]];

/** A store that commands change. */
class CommandStore implements TrustStore {
  readonly #machine: TrustMachine;
  readonly #name: string;
  readonly #commands: { trust(root: TrustedRoot): Command; distrust(root: TrustedRoot): Command };

  constructor(machine: TrustMachine, name: string, commands: CommandStore["commands"]) {
    this.#machine = machine;
    this.#name = name;
    this.#commands = commands;
  }

  get commands(): { trust(root: TrustedRoot): Command; distrust(root: TrustedRoot): Command } {
    return this.#commands;
  }

  trust(root: TrustedRoot): TrustOutcome {
    return this.#run(this.#commands.trust(root), "trusts it");
  }

  distrust(root: TrustedRoot): TrustOutcome {
    return this.#run(this.#commands.distrust(root), "trusts it no longer");
  }

  #run([command, ...args]: Command, said: string): TrustOutcome {
    const { isFine, output } = this.#machine.run(command, args);
    return isFine
      ? { kind: "done", text: `${this.#name} ${said}` }
      : { kind: "failed", text: `${this.#name}: \`${[command, ...args].join(" ")}\` failed: ${output.trim()}` };
  }
}

/** The keychain of the user: Safari, Chrome, curl. */
export function keychainStore(machine: TrustMachine): TrustStore {
  const keychain = `${machine.home}/Library/Keychains/login.keychain-db`;
  return new CommandStore(machine, "the keychain", {
    trust: ({ file }) => ["security", "add-trusted-cert", "-r", "trustRoot", "-k", keychain, file],
    distrust: ({ file }) => ["security", "remove-trusted-cert", file],
  });
}

/** The user's store of Windows: Edge, Chrome. */
export function windowsStore(machine: TrustMachine): TrustStore {
  return new CommandStore(machine, "Windows", {
    trust: ({ file }) => ["certutil.exe", "-user", "-addstore", "Root", file],
    distrust: ({ name }) => ["certutil.exe", "-user", "-delstore", "Root", name],
  });
}
