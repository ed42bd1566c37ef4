/** `millrace trust`: has this machine and its browsers trust the local authority. */
import type { Command } from "commander";
import { CommandFailure } from "./failure.ts";
import { print, printError } from "./terminal.ts";

interface TrustFlags {
  readonly uninstall?: true;
  readonly folder?: string;
  readonly print?: true;
}

const examples = `
Examples:
  millrace trust              https://localhost is trusted, by \`tls: internal\` or \`millrace proxy localhost ENDPOINT\`
  sudo -E millrace trust      the system's store, too, for curl and the like
  millrace trust --print      the root as PEM, for other machines
  millrace trust --uninstall  takes it out again
`;

/** Declares the command. */
export function addTrustCommand(program: Command): Command {
  return program
    .command("trust")
    .usage("[options]")
    .description("Have this machine trust the local authority of `tls: internal`.")
    .option("--uninstall", "take it out of every store; the authority itself stays")
    .option("--folder <path>", "where the authority is kept (default: as `tls: internal`)")
    .option("--print", "print the root (PEM) and change nothing")
    .addHelpText("after", examples)
    .action((flags: TrustFlags) => trust(flags));
}

async function trust(flags: TrustFlags): Promise<void> {
  const [
    { defaultAuthorityFolder },
    { LocalAuthority },
    { changeTrust, exportRoot, thisMachine },
    { systemScheduler },
  ] = await Promise.all([
    import("../local-ca/authority-folder.ts"),
    import("../local-ca/local-authority.ts"),
    import("../local-ca/trust/trust-root.ts"),
    import("../base/scheduler.ts"),
  ]);
  const folder = flags.folder ?? defaultAuthorityFolder(process.env);
  const authority = new LocalAuthority({ folder, scheduler: systemScheduler });
  const certPem = await rootOf(authority, folder, flags.uninstall === true ? "known" : "made");
  if (flags.print === true) {
    print(certPem.trimEnd());
    return;
  }
  const root = exportRoot(folder, certPem);
  print(`${root.name}, ${root.file}`);
  const outcomes = changeTrust(root, flags.uninstall === true ? "distrust" : "trust", thisMachine);
  for (const { kind, text } of outcomes) (kind === "failed" ? printError : print)(`- ${text}`);
  if (outcomes.some(({ kind }) => kind === "failed")) process.exitCode = 1;
}

async function rootOf(
  authority: { root(): Promise<string>; knownRoot(): Promise<string | null> },
  folder: string,
  which: "known" | "made",
): Promise<string> {
  try {
    const root = which === "made" ? await authority.root() : await authority.knownRoot();
    if (root !== null) return root;
  } catch (error) {
    throw new CommandFailure(
      `The local authority in ${folder} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  throw new CommandFailure(`There is no local authority in ${folder}.`);
}
