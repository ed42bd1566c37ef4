/** `millrace run`: a proxy by a configuration file, reloaded when the file changes. */
import type { Command } from "commander";
import { resolveConfigFile } from "./config-file.ts";
import type { RunRequest } from "./plain-run.ts";

const examples = `
Examples:
  millrace run                    millrace.yaml, .yml, .json, millrace.config.ts or .js of this folder
  millrace run --no-watch a.yaml  reload only on SIGHUP or \`millrace reload\`
`;

/** Declares the command. */
export function addRunCommand(program: Command): Command {
  return program
    .command("run")
    .usage("[options] [FILE]")
    .description("Run a proxy by a configuration file.")
    .argument("[file]", "the configuration (default: the one in this folder)")
    .option("--no-watch", "do not reload when the file changes")
    .addHelpText("after", examples)
    .action((file: string | undefined, options: { watch: boolean }) => runFile({ file, isWatched: options.watch }));
}

/** Runs a proxy by a configuration file. Returns once it is ready. */
export async function runFile(request: RunRequest): Promise<void> {
  const file = await resolveConfigFile(request.file);
  const { loadConfig } = await import("../config/config-loader.ts");
  const { serve } = await import("./serve.ts");
  await serve({ load: (onFileRead) => loadConfig(file, { onFileRead }), file, isWatched: request.isWatched });
}
