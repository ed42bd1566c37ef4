/**
 * The documents: links lead somewhere, programs in them and in the comments of public symbols are checked by the
 * compiler, files that the architecture names exist.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { toSentenceLines } from "../../scripts/sentence-lines.ts";

const root = dirname(dirname(import.meta.dirname));
const documents = globSync(["*.md", "docs/**/*.md", "examples/*.md", "bench/*.md"], { cwd: root });
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

/** Anchors of a page, as the usual renderers make them. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
      (match[1] ?? "")
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every link within the repository leads somewhere", () => {
  assert.ok(documents.length > 15);
  const broken: string[] = [];
  for (const file of documents) {
    const text = textOf(file).replace(/^```[^]*?^```/gm, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const linked = path === "" ? file : join(dirname(file), path);
      if (!existsSync(join(root, linked))) broken.push(`${file}: ${target}`);
      else if (anchor !== undefined && linked.endsWith(".md") && !anchorsOf(textOf(linked)).has(anchor))
        broken.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("every file that the architecture names exists", () => {
  const named = [...textOf("ARCHITECTURE.md").matchAll(/`((?:[a-z0-9-]+\/)+(?:[a-z0-9.-]+\.ts)?)`/g)].map(
    (match) => match[1] ?? "",
  );
  assert.ok(named.length > 30);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, "src", path)) && !existsSync(join(root, path))),
    [],
  );
});

test("every decision has a number of its own, in its name and in its title, and none is missing", () => {
  const names = globSync("docs/decisions/*.md", { cwd: root })
    .map((file) => basename(file))
    .sort();
  const numbers = names.map((name) => [
    Number(name.slice(0, 4)),
    Number(/^# (\d+)\. /.exec(textOf(`docs/decisions/${name}`))?.[1]),
  ]);
  assert.deepEqual(
    numbers,
    names.map((_, at) => [at + 1, at + 1]),
  );
});

test("prose has one sentence a line", () => {
  const findings = globSync(["*.md", "{bench,deploy,docs,examples,src,test}/**/*.md"], { cwd: root })
    .filter((file) => !file.includes("node_modules"))
    .flatMap((file) => {
      const written = new Set(textOf(file).split("\n"));
      return toSentenceLines(textOf(file))
        .split("\n")
        .filter((line) => !written.has(line))
        .map((line) => `${file}: ${line}`);
    });
  assert.deepEqual(findings, []);
});

test("no document is longer than a sitting", () => {
  assert.ok(textOf("ARCHITECTURE.md").split("\n").length <= 300);
});

/** The symbols that `src/index.ts` exports by name, with the file that declares each and its name there. */
function publicSymbols(): { readonly name: string; readonly file: string }[] {
  const input = "src/config/config-input.ts";
  const parts = [...textOf(input).matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name = ""]) => ({
    name,
    file: input,
  }));
  const others = [...textOf("src/index.ts").matchAll(/export (?:type )?\{([^}]*)\} from "\.\/([^"]+)"/g)].flatMap(
    ([, names = "", file = ""]) =>
      names
        .split(",")
        .map((name) =>
          name
            .trim()
            .replace(/^type /, "")
            .replace(/ as .*/, ""),
        )
        .filter((name) => name !== "")
        .map((name) => ({ name, file: `src/${file}` })),
  );
  return [...parts, ...others];
}

/** The programs in the comment above the declaration of a symbol. */
function examplesOf(symbol: { readonly name: string; readonly file: string }): string[] {
  const text = textOf(symbol.file);
  const at = text.search(
    new RegExp(`^export (?:async )?(?:function|class|interface|type|const) ${symbol.name}\\b`, "m"),
  );
  const comment = at > 0 && text.slice(0, at).endsWith(" */\n") ? text.slice(text.lastIndexOf("\n/**", at), at) : "";
  return [...comment.matchAll(/@example\n \* ```ts\n([^]*?) \* ```/g)].map(([, lines = ""]) =>
    lines.replace(/^ \* ?/gm, ""),
  );
}

test("every public symbol has an example", () => {
  assert.ok(publicSymbols().length > 15);
  assert.deepEqual(
    publicSymbols().filter((symbol) => examplesOf(symbol).length === 0),
    [],
  );
});

test("the programs in the documents and in the comments of public symbols pass the compiler", async (t) => {
  // Inside the checkout, so that the types of Node.js are found.
  const folder = mkdtempSync(join(root, "test/docs/.snippets-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  for (const file of documents) {
    for (const [, source = ""] of textOf(file).matchAll(/^```ts\n([^]*?)^```/gm)) {
      // What earlier snippets of the page introduce.
      const context = [
        ...(source.includes("createProxy(") || !/\bproxy\b/.test(source)
          ? []
          : ['declare const proxy: import("millrace").Proxy;']),
        ...(/\.\.\.config\b/.test(source) ? ['declare const config: import("millrace").ConfigInput;'] : []),
        ...(/\bappUrl\b/.test(source) ? ["declare const appUrl: string;"] : []),
      ];
      // A test in a document lies in a folder of `test/`.
      const program = source.replaceAll('"../support/', '"../../support/');
      writeFileSync(join(folder, `${++count}.ts`), [...context, program, "export {};"].join("\n"));
    }
  }
  assert.ok(count >= 4);
  for (const source of publicSymbols().flatMap(examplesOf))
    writeFileSync(join(folder, `${++count}.ts`), [source, "export {};"].join("\n"));
  assert.ok(count >= 20);
  const options = {
    extends: "../../../tsconfig.json",
    compilerOptions: { rootDir: root, noUnusedLocals: false, paths: { millrace: ["../../../src/index.ts"] } },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  const check = await promisify(execFile)(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "--noEmit",
    "-p",
    folder,
  ]).catch((error: { stdout: string }) => error);
  assert.deepEqual(
    check.stdout.split("\n").filter((line) => line.includes(".snippets-")),
    [],
  );
});
