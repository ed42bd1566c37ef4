/** `millrace version`. */
import type { Command } from "commander";
import { version } from "../base/version.ts";
import { print } from "./terminal.ts";

/** Declares the command. */
export function addVersionCommand(program: Command): Command {
  return program
    .command("version")
    .usage(" ")
    .description("Print the versions of Millrace and Node.js.")
    .action(() => {
      print(`millrace ${version}`);
      print(`node ${process.versions.node} (${process.platform} ${process.arch})`);
    });
}
