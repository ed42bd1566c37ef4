/** The page on the command line: what `--help` says, command by command. */
import type { Command } from "commander";
import { buildProgram } from "../src/cli/program.ts";

const width = 110;

/** The page as Markdown. */
export function createCommandReference(): string {
  const program = buildProgram(() => width);
  const parts = [
    "# Command line",
    "",
    "Generated from `--help`; `node scripts/generate-docs.ts` renews it.",
    "",
    "```",
    helpOf(program),
    "```",
  ];
  for (const command of program.commands)
    parts.push("", `## millrace ${command.name()}`, "", "```", helpOf(command), "```");
  return `${parts.join("\n")}\n`;
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text.trim();
}
