/** `millrace version`. */
import type { Command } from "commander";
import { version } from "../base/version.ts";

/** Declares the command. */
export function addVersionCommand(program: Command): Command {
  return program
    .command("version")
    .usage(" ")
    .description("Print the versions of Millrace and Node.js.")
    .action(() => {
      console.log(`millrace ${version}`);
      console.log(`node ${process.versions.node} (${process.platform} ${process.arch})`);
    });
}
