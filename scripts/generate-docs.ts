/** Writes the parts of the documentation that are generated. A test fails while the committed files are out of date. */
import { mkdir, writeFile } from "node:fs/promises";
import { toJsonSchema } from "../src/config/json-schema.ts";
import { createConfigurationReference } from "./configuration-reference.ts";

const folder = new URL("../docs/reference/", import.meta.url);

await mkdir(folder, { recursive: true });
await writeFile(new URL("configuration.md", folder), createConfigurationReference());
await writeFile(new URL("configuration.schema.json", folder), `${JSON.stringify(toJsonSchema(), null, 2)}\n`);
