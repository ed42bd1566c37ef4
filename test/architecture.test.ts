/**
 * The rules about the shape of the source tree, read off its import lines: layers, names, sizes, and that the schema
 * library stays out of proxy threads. Unit tests may import what they like; names and sizes hold for them too.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const root = dirname(import.meta.dirname);
const source = join(root, "src");

/** Imports go from higher layers to lower ones, or stay in one layer, never upward. `src/index.ts` is above all. */
const layers: Record<string, number> = {
  base: 0,
  http: 1,
  observe: 1,
  net: 1,
  script: 1,
  yaml: 1,
  http1: 2,
  http2: 2,
  store: 2,
  cache: 2,
  remote: 2,
  acme: 3,
  "local-ca": 3,
  upstream: 3,
  middleware: 3,
  route: 3,
  forward: 4,
  register: 4,
  tcp: 4,
  config: 5,
  admin: 5,
  server: 6,
  cli: 8,
};

/** Folders of one layer that must not know the others of it, or not at all. */
const strangers: Record<string, readonly string[]> = {
  http: ["observe", "net"],
  net: ["http", "observe"],
  http1: ["http2"],
  http2: ["http1"],
};

const maxLines = 420;
const maxMedianLines = 150;
const forbiddenNames = new Set(["utils", "util", "helpers", "helper", "common", "types", "misc", "index"]);

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  /** Relative to the root of the project, with slashes. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly text: string;
}

/** The import and re-export statements of a module, also over several lines, and dynamic imports of fixed names. */
function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const found: Import[] = [];
  for (const [, kind = "", clause = "", specifier = ""] of code.matchAll(
    /^(import|export)\b([^;"'`]*?)\bfrom\s*["']([^"']+)["']/gm,
  )) {
    const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
    const onlyTypes =
      names !== undefined && names.split(",").every((name) => name.trim() === "" || /^type\s/.test(name.trim()));
    found.push({ specifier, isTypeOnly: /^\s*type\b/.test(clause) || (kind === "import" && onlyTypes) });
  }
  for (const [, specifier = ""] of code.matchAll(/^import\s*["']([^"']+)["']/gm))
    found.push({ specifier, isTypeOnly: false });
  for (const [, specifier = ""] of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g))
    found.push({ specifier, isTypeOnly: false });
  return found;
}

const files: SourceFile[] = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(source, path), "utf8");
    return {
      path: `src/${path.replaceAll("\\", "/")}`,
      lines: text.split("\n").length - 1,
      imports: importsOf(text),
      text,
    };
  })
  .sort((a, b) => (a.path < b.path ? -1 : 1));
const byPath = new Map(files.map((file) => [file.path, file]));

/** Tests, and what only tests use: neither is part of what is published. */
const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.includes("/testing/");
const isOptions = (path: string): boolean => /(^|[/-])options\.ts$/.test(path);
/** What describes features to whoever lists them: kinds of middleware, targets of routes. */
const isKind = (path: string): boolean => /\/(kinds?|targets?)\.ts$/.test(path);
const folderOf = (path: string): string => path.split("/")[1] ?? "";
const isRoot = (path: string): boolean => path.split("/").length === 2;

/** The source file that a relative import means, or null for packages and built-in modules. */
function targetOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return relative(root, resolve(root, dirname(from), specifier)).replaceAll("\\", "/");
}

/** Written by a program, for editors: nobody reads it from top to bottom. */
const isGenerated = (file: SourceFile): boolean => /^\/\*\*[^/]*\bGenerated from\b/.test(file.text);

/** Fails with all findings at once. */
function assertNone(findings: readonly string[]): void {
  assert.ok(findings.length === 0, `\n  ${findings.join("\n  ")}`);
}

/** What `check` says of each import between two files of the source tree, tests left out. */
function findInImports(check: (from: string, to: string, one: Import) => string | null): string[] {
  return files
    .filter((file) => !isTest(file.path))
    .flatMap((file) =>
      file.imports.flatMap((one) => {
        const to = targetOf(file.path, one.specifier);
        const finding = to === null ? null : check(file.path, to, one);
        return finding === null ? [] : [`${file.path} imports ${to ?? ""}: ${finding}`];
      }),
    );
}

test("the import lines are read as they are meant", () => {
  const text = `import a from "a";
import type { B } from "./b.ts";
import { type C, type D } from "./c.ts";
import { type E, f } from "./d.ts";
import {
  g,
  h,
} from "./e.ts";
import "./f.ts";
export { i } from "./g.ts";
export type { J } from "./h.ts";
export const from = "./not-an-import.ts";
/* import { k } from "./i.ts"; */
const l = await import("./j.ts");
import * as m from "./k.ts";
`;
  assert.deepEqual(
    importsOf(text).map(({ specifier, isTypeOnly }) => `${isTypeOnly ? "type " : ""}${specifier}`),
    ["a", "type ./b.ts", "type ./c.ts", "./d.ts", "./e.ts", "./g.ts", "type ./h.ts", "./k.ts", "./f.ts", "./j.ts"],
  );
});

test("every folder of the source tree has a layer", () => {
  const folders = new Set(files.filter((file) => !isRoot(file.path)).map((file) => folderOf(file.path)));
  assertNone([...folders].filter((folder) => layers[folder] === undefined));
  assert.deepEqual(
    files
      .filter((file) => isRoot(file.path))
      .map((file) => file.path)
      .filter((path) => path !== "src/index.ts"),
    [],
  );
});

test("imports name a file that is there", () => {
  assertNone(findInImports((_from, to) => (byPath.has(to) || !to.startsWith("src/") ? null : "there is no such file")));
});

test("imports go downward through the layers, without exceptions", () => {
  assertNone(
    findInImports((from, to) => {
      if (!to.startsWith("src/")) return /^package\.json$/.test(to) ? null : "that is outside the source tree";
      if (isRoot(from)) return null;
      if (isRoot(to)) return "that is the barrel";
      return (layers[folderOf(to)] ?? 9) <= (layers[folderOf(from)] ?? -1) ? null : "that is upward";
    }),
  );
});

test("options are data about data: they know the lowest layers, kinds and other options", () => {
  assertNone(
    findInImports((from, to) =>
      !isOptions(from) ||
      isOptions(to) ||
      isKind(to) ||
      !to.startsWith("src/") ||
      (layers[folderOf(to)] ?? 9) <= 1 ||
      folderOf(to) === folderOf(from)
        ? null
        : "that is more than data",
    ),
  );
});

test("folders that must not know each other do not", () => {
  assertNone(
    findInImports((from, to) => (strangers[folderOf(from)]?.includes(folderOf(to)) ? "they are strangers" : null)),
  );
});

test("folders of one layer do not know each other both ways", () => {
  const seen = new Set<string>();
  findInImports((from, to) => {
    if (!isRoot(to) && folderOf(from) !== folderOf(to)) seen.add(`${folderOf(from)} ${folderOf(to)}`);
    return null;
  });
  assertNone([...seen].filter((pair) => seen.has(pair.split(" ").reverse().join(" "))));
});

test("a middleware is known by its kind alone: nothing but the list reaches into its folder", () => {
  const ownFolder = (path: string): string | null => /^src\/middleware\/[^/]+\//.exec(path)?.[0] ?? null;
  const kinds = files.filter((file) => /^src\/middleware\/[^/]+\/kind\.ts$/.test(file.path));
  const folders = new Set(kinds.map((file) => ownFolder(file.path)));
  assert.ok(folders.size >= 6);
  assertNone(
    findInImports((from, to) => {
      const folder = ownFolder(to);
      if (folder === null || !folders.has(folder) || ownFolder(from) === folder) return null;
      return from === "src/middleware/kinds.ts" && to === `${folder}kind.ts` ? null : "that is another's middleware";
    }),
  );
});

test("http/ is pure: no sockets, no files, no timers of the system", () => {
  assertNone(
    files
      .filter((file) => folderOf(file.path) === "http" && !isTest(file.path))
      .flatMap((file) =>
        file.imports
          .filter((one) => !one.specifier.startsWith("."))
          .map((one) => `${file.path} imports ${one.specifier}`),
      ),
  );
});

test("proxy threads never load the schema library", () => {
  const reaching = (path: string, seen: Set<string>): string[] | null => {
    if (seen.has(path)) return null;
    seen.add(path);
    for (const { specifier, isTypeOnly } of byPath.get(path)?.imports ?? []) {
      if (isTypeOnly) continue;
      if (specifier === "zod") return [path, "zod"];
      const to = targetOf(path, specifier);
      const rest = to === null ? null : reaching(to, seen);
      if (rest !== null) return [path, ...rest];
    }
    return null;
  };
  const dataPath = files.filter(
    (file) =>
      !isTest(file.path) &&
      !isRoot(file.path) &&
      !isOptions(file.path) &&
      (layers[folderOf(file.path)] ?? 9) <= 4 &&
      file.path !== "src/base/option-schema.ts",
  );
  const threadEntries = files.filter(
    (file) => !isTest(file.path) && folderOf(file.path) === "server" && /\b(parentPort|workerData)\b/.test(file.text),
  );
  assert.ok(dataPath.length > 0);
  assertNone(
    [...dataPath, ...threadEntries].flatMap((file) => {
      const way = reaching(file.path, new Set());
      return way === null ? [] : [way.join(" -> ")];
    }),
  );
});

test("what serves writes to no output of the process by itself: a reader that sleeps would stop it, one that is gone would end it", () => {
  const allowed = new Set([
    "src/cli/terminal.ts",
    "src/cli/program.ts",
    "src/cli/problems.ts",
    "src/observe/log-destination.ts",
  ]);
  const served = files.filter((file) => file.path.startsWith("src/") && !isTest(file.path) && !allowed.has(file.path));
  assertNone(
    served
      .filter((file) =>
        /\bconsole\.\w+\(|process\.(?:stdout|stderr)\.write|process\.(?:stdout|stderr)\.isTTY|writeSync\([12],/.test(
          file.text.replace(/^\s*\*.*$/gm, ""),
        ),
      )
      .map((file) => file.path),
  );
});

test("one file alone goes through the private doors of Node.js", () => {
  const doors = /\b(?:_handle|onconnection|useUserBuffer|internalBinding|process\.binding|_get(?:Active)?Handles?)\b/;
  assertNone(
    files
      .filter((file) => !isTest(file.path) && file.path !== "src/net/node-internals.ts" && doors.test(file.text))
      .map((file) => file.path),
  );
});

test("imports form no circle, those of types included", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start !== -1) circles.push([...way.slice(start), path].join(" -> "));
    if (start !== -1 || done.has(path)) return;
    for (const { specifier } of byPath.get(path)?.imports ?? []) {
      const to = targetOf(path, specifier);
      if (to !== null) visit(to, [...way, path]);
    }
    done.add(path);
  };
  for (const { path } of files) if (!isTest(path)) visit(path, []);
  assertNone(circles);
});

test("imports end in .ts", () => {
  assertNone(
    files.flatMap((file) =>
      file.imports
        .filter((one) => one.specifier.startsWith(".") && !/\.(ts|json)$/.test(one.specifier))
        .map((one) => `${file.path}: ${one.specifier}`),
    ),
  );
});

test("the comment on an export says its contract, not where to read it: an editor shows nothing else", () => {
  assertNone(
    files.filter((file) => /\/\*\*\s*(?:\*\s*)?See the head of this file/.test(file.text)).map((file) => file.path),
  );
});

test("nothing is exported as default", () => {
  assertNone(
    files
      .filter((file) => /^export default\b|^export\s*\{[^}]*\bas default\b/m.test(file.text))
      .map((file) => file.path),
  );
});

test("files are named in kebab-case for what is in them", () => {
  assertNone(
    files
      .map((file) => file.path)
      .filter((path) => {
        const name = basename(path).replace(/(\.test)?\.ts$/, "");
        return path !== "src/index.ts" && (forbiddenNames.has(name) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
      }),
  );
});

test(`files have at most ${maxLines} lines, half of them less than ${maxMedianLines}`, () => {
  assertNone(
    files.filter((file) => file.lines > maxLines && !isGenerated(file)).map((file) => `${file.path} has ${file.lines}`),
  );
  const sizes = files
    .filter((file) => !isTest(file.path))
    .map((file) => file.lines)
    .sort((a, b) => a - b);
  assert.ok((sizes[sizes.length >> 1] ?? 0) < maxMedianLines);
});

/** Where the syntax of a protocol may be written or read; the demo is an endpoint that speaks HTTP/1.1 by hand. */
const speakers = /^src\/(?:http1|http2|http\/syntax|cli\/demo)\//;
/** Files that name a protocol's words to people, or to a matcher that asks for them. */
const quoters = new Set(["src/http/sent-fields.ts", "src/observe/access-log-fields.ts"]);
const protocolSyntax =
  /HTTP\/[\d$]|["'`]chunked["'`]|\b(?:Upgrade|Connection|Transfer-Encoding|Content-Length|Trailer|TE|Expect): |Switching Protocols.*\\r/i;

test("no protocol's syntax is written or read above the folders of the protocols", () => {
  assertNone(
    files
      .filter(({ path }) => !isTest(path) && !isOptions(path) && !speakers.test(path) && !quoters.has(path))
      .flatMap(({ path, text }) =>
        text
          .replace(/\/\*[\s\S]*?\*\//g, (comment) => "\n".repeat(comment.split("\n").length - 1))
          .split("\n")
          .map((line, at) => ({ line: line.replace(/(?<![:"'`])\/\/.*$/, ""), at }))
          .filter(({ line }) => /["'`]/.test(line) && protocolSyntax.test(line))
          .map(({ line, at }) => `${path}:${at + 1} ${line.trim()}`),
      ),
  );
});
