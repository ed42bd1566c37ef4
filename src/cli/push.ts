/** `millrace push`: brings a configuration file to a store, for all instances that follow it. */
import type { Command } from "commander";
import { toStorePlace } from "./config-file.ts";
import { CommandFailure } from "./failure.ts";

/** What the user said beside the file and the store. */
interface PushFlags {
  readonly dryRun?: true;
  readonly expect?: string;
  readonly force?: true;
  readonly wait?: true;
  readonly timeout?: string;
}

const examples = `
Examples:
  millrace push millrace.yaml etcd://10.0.0.1:2379/millrace/config
  millrace push --dry-run millrace.yaml consul://127.0.0.1:8500/millrace/config
  millrace push --wait millrace.yaml etcd://…       until every instance has said what it did with it
  millrace push --wait --timeout 1m millrace.yaml etcd://…
  millrace push --expect 42 millrace.yaml etcd://…  only if version 42 is what you have edited

The file is YAML or JSON and is validated here before it is written, with the environment of this shell.
Who logs in stands in ETCDCTL_USER and ETCDCTL_PASSWORD, or in CONSUL_HTTP_TOKEN.
`;

/** Declares the command. */
export function addPushCommand(program: Command): Command {
  return program
    .command("push")
    .usage("[options] FILE URL")
    .description("Validate a configuration and write it to etcd or Consul.")
    .argument("<file>", "the configuration: YAML or JSON")
    .argument("<url>", "the store and the key: etcd://host:port/key or consul://host:port/key")
    .option("--dry-run", "tell what would change, and write nothing")
    .option("--expect <version>", "write only if the store holds this version; 0: if the key is not there")
    .option("--force", "replace what is there even if it is no configuration")
    .option("--wait", "wait until all instances have applied it")
    .option("--timeout <duration>", "give up waiting after this time, with exit code 1 (10s)")
    .addHelpText("after", examples)
    .action(async (file: string, url: string, flags: PushFlags) => {
      const place = toStorePlace(url);
      const { pushFile } = await import("./push-file.ts");
      await pushFile({
        file,
        place,
        isDryRun: flags.dryRun === true,
        isForced: flags.force === true,
        expected: flags.expect ?? null,
        waitMs: await readWait(flags),
      });
    });
}

const defaultWaitMs = 10_000;

/** How long to wait for the instances; null: not at all. */
async function readWait({ wait, timeout }: PushFlags): Promise<number | null> {
  if (timeout === undefined) return wait === true ? defaultWaitMs : null;
  const { parseDuration } = await import("../base/units.ts");
  try {
    return parseDuration(timeout);
  } catch (error) {
    throw new CommandFailure(`--timeout: ${error instanceof Error ? error.message : String(error)}.`, 2);
  }
}
