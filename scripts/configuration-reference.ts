/**
 * The configuration reference as Markdown, made from the schemas: every section with every key, its type, default and
 * meaning.
 */
import { type JsonSchema, toDocumentedSchema } from "../src/config/json-schema.ts";
import { toSentenceLines } from "./sentence-lines.ts";

interface Section {
  readonly path: string;
  readonly about: string;
  readonly schema: JsonSchema;
}

const introduction = `# Configuration reference

Generated from the schemas by \`node scripts/generate-docs.ts\`; do not edit. Examples are in the [guide](../guides/configuration.md); the same as a JSON Schema for editors: \`millrace schema\` or [configuration.schema.json](configuration.schema.json).

A configuration is a YAML, JSON, TypeScript or JavaScript file: \`millrace.yaml\`, \`millrace.yml\`, \`millrace.json\`, \`millrace.config.ts\` or \`millrace.config.js\`.
A program's default export is the configuration, or a function that returns it; \`defineConfig\` types it.

- **Durations** carry units: \`250ms\`, \`10s\`, \`1.5s\`, \`1h30m\` (d, h, m, s, ms). A bare number is an error.
- **Sizes**: \`16KiB\`, \`1MB\`, \`512B\`; KiB, MiB, GiB, TiB are powers of 1,024, kB, MB, GB, TB powers of 1,000. A bare number is bytes.
- **Networks**: \`10.0.0.0/8\`, \`2001:db8::/32\`, or a single address.
- If a list is expected, "X or list" also takes a single X.
- In YAML and JSON, \`\${NAME}\` and \`\${NAME:-default}\` in a text read the environment; \`$\${\` stands for \`\${\` itself. Inside \`{ }\` and \`[ ]\`, YAML wants quotes around them.
  A program reads \`process.env\` itself.
- Unknown keys and keys that are there twice are errors. All errors are reported at once, with line and column.
`;

/**
 * Makes the whole page.
 * @param schema of the top level; default: of a configuration
 */
export function createConfigurationReference(schema: JsonSchema = toDocumentedSchema()): string {
  const sections: Section[] = [];
  collectSections({ path: "", about: "The top level.", schema }, sections);
  const contents = sections
    .filter((section) => section.path !== "")
    .map(
      (section) => `${"  ".repeat(section.path.split(".").length - 1)}- [${section.path}](#${anchorOf(section.path)})`,
    )
    .join("\n");
  return toSentenceLines(`${introduction}\n${contents}\n${sections.map(formatSection).join("")}`);
}

function anchorOf(path: string): string {
  return path.toLowerCase().replace(/[^a-z0-9-]/g, "");
}

/** A section below a schema, whatever it is wrapped in: a list, a map of names, an alternative. */
function sectionsOf(schema: JsonSchema, path: string): { path: string; schema: JsonSchema }[] {
  if (schema.properties !== undefined) return [{ path, schema }];
  if (schema.items !== undefined) return sectionsOf(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === "object") return sectionsOf(schema.additionalProperties, `${path}.NAME`);
  return (schema.anyOf ?? []).flatMap((alternative) => sectionsOf(alternative, path));
}

function collectSections(section: Section, found: Section[]): void {
  found.push(section);
  for (const [key, schema] of Object.entries(section.schema.properties ?? {})) {
    for (const below of sectionsOf(schema, section.path === "" ? key : `${section.path}.${key}`)) {
      collectSections({ ...below, about: schema.millrace?.about ?? "" }, found);
    }
  }
}

function formatSection(section: Section): string {
  const heading = section.path === "" ? "Top level" : section.path;
  const rows = Object.entries(section.schema.properties ?? {}).map(([key, schema]) => {
    const doc = schema.millrace;
    const below = sectionsOf(schema, section.path === "" ? key : `${section.path}.${key}`)[0];
    const link = below === undefined ? "" : ` See [${below.path}](#${anchorOf(below.path)}).`;
    const text = [
      doc?.about ?? "",
      doc?.zero === undefined ? "" : `**Zero**: ${doc.zero}.`,
      doc?.danger === undefined ? "" : `**Danger**: ${doc.danger}`,
    ]
      .filter((part) => part !== "")
      .join(" ");
    return `| \`${key}\` | ${cell(typeOf(schema))} | ${cell(defaultOf(schema, section.schema.required?.includes(key) === true))} | ${cell(text)}${link} |`;
  });
  const about = section.path === "" ? "" : `${section.about}\n\n`;
  return `\n## ${heading}\n\n${about}| Key | Type | Default | Meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function typeOf(schema: JsonSchema): string {
  if (schema.millrace?.kind !== undefined) return schema.millrace.kind;
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.properties !== undefined) return "section";
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.type === "boolean") return "true, false";
  if (schema.type === "string") return "text";
  if (schema.type === "integer") return `number, ${schema["minimum"] as number} to ${schema["maximum"] as number}`;
  return Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "any");
}

function defaultOf(schema: JsonSchema, isRequired: boolean): string {
  if (schema.millrace?.defaultText !== undefined) return schema.millrace.defaultText;
  if (isRequired) return "*required*";
  const value = schema.default;
  const isMap = schema.type === "object" && schema.properties === undefined;
  if (value === undefined || isMap) return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((item) => `\`${String(item)}\``).join(", ");
  if (typeof value === "object" && value !== null) return "";
  return value === "" ? "empty" : `\`${String(value)}\``;
}
