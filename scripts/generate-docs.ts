/**
 * Writes what is generated from the schemas: parts of the documentation, and the interfaces of a configuration. A test
 * fails while the committed files are out of date.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { toJsonSchema } from "../src/config/json-schema.ts";
import { reasons } from "../src/http/reason.ts";
import { createCommandReference } from "./command-reference.ts";
import { configTypesFile, createConfigTypes } from "./config-types.ts";
import { createConfigurationReference } from "./configuration-reference.ts";
import { createAccessLogReference, createMetricsReference } from "./observe-reference.ts";
import { createSecretKeys, secretKeysFile } from "./secret-keys.ts";

const folder = new URL("../docs/reference/", import.meta.url);

await mkdir(folder, { recursive: true });
await writeFile(new URL("configuration.md", folder), createConfigurationReference());
await writeFile(new URL("configuration.schema.json", folder), `${JSON.stringify(toJsonSchema(), null, 2)}\n`);
await writeFile(new URL("metrics.md", folder), createMetricsReference());
await writeFile(new URL("access-log.md", folder), createAccessLogReference(new Map(Object.entries(reasons))));
await writeFile(new URL("command-line.md", folder), createCommandReference());
await writeFile(new URL(`../${configTypesFile}`, import.meta.url), createConfigTypes());
await writeFile(new URL(`../${secretKeysFile}`, import.meta.url), createSecretKeys());
