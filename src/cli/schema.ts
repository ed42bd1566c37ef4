/** `millrace schema`: the JSON Schema of the configuration, for editors. */
import type { Command } from "commander";
import { print } from "./terminal.ts";

const examples = `
An editor with YAML support checks and completes a file that begins with
  # yaml-language-server: $schema=./millrace.schema.json
after \`millrace schema > millrace.schema.json\`.
`;

/** Declares the command. */
export function addSchemaCommand(program: Command): Command {
  return program
    .command("schema")
    .usage(" ")
    .description("Print the JSON Schema of the configuration.")
    .addHelpText("after", examples)
    .action(async () => {
      const { toJsonSchema } = await import("../config/json-schema.ts");
      print(JSON.stringify(toJsonSchema(), null, 2));
    });
}
