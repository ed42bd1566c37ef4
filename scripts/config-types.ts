/**
 * The interfaces of a configuration as people write it (`src/config/config-input.ts`), made from the schemas: each key
 * with its meaning, kind, default, zero and danger as a comment, which is what an editor shows. A test compares the
 * interfaces with the schemas in both directions.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exampleAt, exampleProgram } from "./config-example.ts";
import type { ConfigInput } from "../src/config/config-input.ts";
import { type JsonSchema, toDocumentedSchema } from "../src/config/json-schema.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const maxColumns = 120;

/** Where the interfaces are written to, relative to the root of the project. */
export const configTypesFile = "src/config/config-input.ts";

/**
 * The names of interfaces for which the rule gives a clumsy one, by path and without `Input`. The rule: the name of the
 * section around it, then the key; a middleware is called by its key alone.
 */
const names: Readonly<Record<string, string>> = {
  "": "Config",
  "listeners[].address": "Socket",
  "upstreams.NAME.endpoints[]": "Endpoint",
  "upstreams.NAME.balance": "HashBalance",
  "upstreams.NAME.balance.ringHash": "RingHash",
  "upstreams.NAME.balance.maglev": "Maglev",
  "upstreams.NAME.sticky.cookie": "StickyCookie",
  "upstreams.NAME.limits.adaptive": "AdaptiveLimit",
  "log.access": "AccessLog",
};

/** What the kind of a value means to somebody who writes TypeScript. */
const kindSentences: Readonly<Record<string, string>> = {
  duration: 'A duration: text with a unit, such as `"250ms"`, `"10s"` or `"1h30m"`.',
  size: 'A size: a number of bytes, or text with a unit, such as `"16KiB"` or `"1MB"`.',
  percentage: 'A percentage, such as `"20%"`.',
};

/** Kinds that say no more than the type itself. */
const isPlainKind = (kind: string): boolean => /^(\w+|section or .*|map of .*)$/.test(kind);

const head = `/**
 * A configuration as it is written in TypeScript, with what an editor shows of each key. Generated from the schemas by
 * \`node scripts/generate-docs.ts\`; do not edit.
 */
`;

/** What most configurations begin with. */
const shortExample: ConfigInput = {
  listeners: [{ address: ":8080" }],
  upstreams: { app: { endpoints: ["http://localhost:3001", "http://localhost:3002"] } },
  routes: [{ upstream: "app" }],
};

const middlewareType = `
/**
 * What happens to requests and answers on the way: a section with exactly one of the keys of \`MiddlewareKinds\`.
 *
${exampleProgram("MiddlewareInput", { rateLimit: { rate: "100/s", burst: 200 } }, () => true)
  .map((line) => ` * ${line}`.trimEnd())
  .join("\n")}
 */
export type MiddlewareInput = {
  [Kind in keyof MiddlewareKinds]: Pick<MiddlewareKinds, Kind> & {
    readonly [Other in Exclude<keyof MiddlewareKinds, Kind>]?: undefined;
  };
}[keyof MiddlewareKinds];
`;

/** The whole file, formatted. */
export function createConfigTypes(): string {
  const writer = new InterfaceWriter();
  writer.nameOf(toDocumentedSchema(), "", "A configuration as it is written in TypeScript: the keys of the YAML form.");
  return format(head + writer.texts.join(""));
}

/** Writes an interface for each section, once for sections that are alike. */
class InterfaceWriter {
  /** The interfaces, the outer ones first. */
  readonly texts: string[] = [];
  /** By the schema as JSON. */
  readonly #known = new Map<string, string>();
  readonly #paths = new Map<string, string>();

  /** The name of the interface of a section, which is written if it is new. */
  nameOf(schema: JsonSchema, path: string, about: string): string {
    const key = JSON.stringify(schema);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const isMiddleware = /(^|\.)middlewares(\.NAME)?\[\]$/.test(path);
    const name = isMiddleware ? "MiddlewareKinds" : `${stemOf(path)}Input`;
    if (this.#paths.has(name))
      throw new Error(`${path} and ${this.#paths.get(name)} would both be called ${name}: give one another name`);
    this.#paths.set(name, path);
    this.#known.set(key, isMiddleware ? "MiddlewareInput" : name);
    const at = this.texts.push("") - 1;
    const members = Object.entries(schema.properties ?? {}).map(([member, value]) => {
      const isRequired = isMiddleware || schema.required?.includes(member) === true;
      const type = this.#typeOf(value, path === "" ? member : `${path}.${member}`);
      return `${describe(value, isRequired)}readonly ${member}${isRequired ? "" : "?"}: ${type}${isRequired ? "" : " | undefined"};\n`;
    });
    if (path === "")
      members.push(
        `${comment(["Ignored: a place for what a program keeps beside the configuration."], "  ")}readonly [extension: \`x-\${string}\`]: unknown;\n`,
      );
    const purpose = isMiddleware
      ? [
          "The middlewares by key: what one item of a route's `middlewares` may hold.",
          "",
          "@example",
          "```ts",
          'import type { MiddlewareKinds } from "millrace";',
          "",
          'const kind: keyof MiddlewareKinds = "rateLimit";',
          "```",
        ]
      : [about, ...(path === "" ? [] : ["", placeOf(path)]), ...this.#exampleOf(schema, path, name)];
    this.texts[at] =
      `\n${comment(purpose, "")}export interface ${name} {\n${members.join("")}}\n${isMiddleware ? middlewareType : ""}`;
    return this.#known.get(key) ?? name;
  }

  /** @throws if the example of a configuration has nothing for this section */
  #exampleOf(schema: JsonSchema, path: string, name: string): string[] {
    const example = exampleAt(path);
    if (example === undefined) throw new Error(`scripts/config-example.ts shows nothing at ${path}`);
    if (path === "") return ["", ...exampleProgram(name, shortExample, () => true)];
    const isKept = (key: string): boolean =>
      key !== "middlewares" &&
      (schema.required?.includes(key) === true || typeof example[key] !== "object" || Array.isArray(example[key]));
    return ["", ...exampleProgram(name, example, isKept)];
  }

  #typeOf(schema: JsonSchema, path: string, about = schema.millrace?.about ?? ""): string {
    const given = schema.millrace?.type;
    if (given !== undefined) return `(${given})`;
    const alternatives = schema.anyOf ?? (schema["oneOf"] as JsonSchema[] | undefined);
    if (alternatives !== undefined)
      return [...new Set(alternatives.map((one) => this.#typeOf(one, path, about)))].join(" | ");
    if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.properties !== undefined) return this.nameOf(schema, path, about);
    if (schema.items !== undefined) return `readonly (${this.#typeOf(schema.items, `${path}[]`, about)})[]`;
    if (typeof schema.additionalProperties === "object")
      return `{ readonly [name: string]: ${this.#typeOf(schema.additionalProperties, `${path}.NAME`, about)} }`;
    if (schema.type === "integer" || schema.type === "number") return "number";
    if (schema.type === "string" || schema.type === "boolean") return schema.type;
    throw new Error(`${path} has a schema for which there is no type: ${JSON.stringify(schema)}`);
  }
}

function placeOf(path: string): string {
  if (path.endsWith("[]")) return `An item of \`${path.slice(0, -2)}\`.`;
  if (path.endsWith(".NAME")) return `An entry of \`${path.slice(0, -5)}\`, by its name.`;
  return `The section \`${path}\`.`;
}

/** The name of a section's interface, without `Input`. */
function stemOf(path: string): string {
  const given = names[path];
  if (given !== undefined) return given;
  const steps = path.replaceAll("[]", "").replaceAll(".NAME", "").split(".");
  const own = steps.at(-1) ?? "";
  const isItem = /(\[\]|\.NAME)$/.test(path);
  const stem = own.replace(/^./, (letter) => letter.toUpperCase()).replace(isItem ? /s$/ : /$^/, "");
  const parent = path.replace(/(\[\]|\.NAME)*$/, "").replace(/\.?[^.]*$/, "");
  return parent === "" || /middlewares(\.NAME)?\[\]$/.test(parent) ? stem : stemOf(parent) + stem;
}

/** The comment above a key. */
function describe(schema: JsonSchema, isRequired: boolean): string {
  const doc = schema.millrace;
  const facts = [
    doc?.kind === undefined ? rangeOf(schema) : sentenceOf(doc.kind),
    doc?.zero === undefined ? "" : `Zero: ${doc.zero}.`,
  ].filter((fact) => fact !== "");
  const lines = [doc?.about ?? ""];
  if (facts.length > 0) lines.push("", facts.join(" "));
  if (doc?.danger !== undefined) lines.push("", `Danger: ${doc.danger.replace(/\.?$/, ".")}`);
  const defaultText = isRequired ? "" : defaultOf(schema);
  if (defaultText !== "") lines.push("", `@default ${defaultText}`);
  return comment(lines, "  ");
}

function sentenceOf(kind: string): string {
  const sentence = kindSentences[kind];
  if (sentence !== undefined) return sentence;
  return isPlainKind(kind) ? "" : `${kind.replace(/^./, (letter) => letter.toUpperCase())}.`;
}

function rangeOf(schema: JsonSchema): string {
  if (schema.type !== "integer") return "";
  return `A whole number from ${schema["minimum"] as number} to ${schema["maximum"] as number}.`;
}

function defaultOf(schema: JsonSchema): string {
  const text = schema.millrace?.defaultText;
  if (text !== undefined) return text;
  const value = schema.default;
  const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
  return value === undefined || isSection ? "" : JSON.stringify(value);
}

/** A comment for the lines of an editor's window, wrapped; an empty line begins a paragraph. */
function comment(lines: readonly string[], indent: string): string {
  const safe = lines.map((line) => line.replaceAll("*/", "*\\/"));
  const [first = ""] = safe;
  const short = `${indent}/** ${first} */\n`;
  if (safe.length === 1 && short.length <= maxColumns + 1) return short;
  let isCode = false;
  const wrapped = safe.flatMap((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    return isCode ? [line] : wrap(line, maxColumns - indent.length - 3);
  });
  return `${indent}/**\n${wrapped.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** As the formatter of the project lays it out. */
function format(text: string): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "node_modules/@biomejs/biome/bin/biome"), "format", `--stdin-file-path=${configTypesFile}`],
    { cwd: root, input: text, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the interfaces cannot be formatted: ${stderr}`);
  return stdout;
}
