/** `millrace run`: a proxy by a configuration in a file or a store, reloaded when it changes. */
import type { Command } from "commander";
import { resolveConfig } from "./config-file.ts";
import { CommandFailure } from "./failure.ts";
import type { RunRequest } from "./plain-run.ts";

const examples = `
Examples:
  millrace run                    millrace.yaml, .yml, .json, millrace.config.ts or .js of this folder
  millrace run --no-watch a.yaml  reload only on SIGHUP or \`millrace reload\`
  millrace run etcd://10.0.0.1:2379,10.0.0.2:2379/millrace/config
  millrace run consul://127.0.0.1:8500/millrace/config

In a store the configuration is YAML or JSON. Who logs in stands in ETCDCTL_USER and ETCDCTL_PASSWORD, or in
CONSUL_HTTP_TOKEN; TLS is by etcds:// or consuls://, and "?ca=FILE&cert=FILE&key=FILE".
`;

interface RunFlags {
  readonly watch: boolean;
  readonly copy: boolean;
  readonly storeTimeout?: string;
}

/** Declares the command. */
export function addRunCommand(program: Command): Command {
  return program
    .command("run")
    .usage("[options] [FILE]")
    .description("Run a proxy by a configuration file, or one in etcd or Consul.")
    .argument("[file]", "the configuration, or the URL of a store and a key (default: the one in this folder)")
    .option("--no-watch", "do not reload when it changes")
    .option("--no-copy", "keep no copy on this machine of a configuration in a store")
    .option("--store-timeout <duration>", "how long a start waits for the store before it takes the copy (10s)")
    .addHelpText("after", examples)
    .action(async (file: string | undefined, { watch, copy, storeTimeout }: RunFlags) =>
      runFile({
        file,
        isWatched: watch,
        isCopied: copy,
        ...(storeTimeout !== undefined && { storeTimeoutMs: await readTimeout(storeTimeout) }),
      }),
    );
}

async function readTimeout(text: string): Promise<number> {
  const { parseDuration } = await import("../base/units.ts");
  try {
    return parseDuration(text);
  } catch (error) {
    throw new CommandFailure(`--store-timeout: ${error instanceof Error ? error.message : String(error)}.`, 2);
  }
}

/** Runs a proxy by a configuration in a file or a store. Returns once it is ready. */
export async function runFile(request: RunRequest): Promise<void> {
  const origin = await resolveConfig(request.file);
  if (origin.kind === "store") {
    const { runStored } = await import("./run-stored.ts");
    return runStored(origin.place, request);
  }
  const { loadConfig } = await import("../config/config-loader.ts");
  const { serve } = await import("./serve.ts");
  const file = origin.name;
  await serve({ load: (onFileRead) => loadConfig(file, { onFileRead }), file, isWatched: request.isWatched });
}
