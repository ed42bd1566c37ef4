/**
 * Bundles the command and its threads for the published package: some forty files instead of several hundred, without
 * comments, as CommonJS modules. Names and lines stay as they were written, so that a stack trace can be read.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** What is started: the command, and the threads by the names under which the sources start them. */
const entries = {
  main: "cli/main.ts",
  "load-thread": "config/load-thread.ts",
  "yaml-thread": "yaml/yaml-thread.ts",
  "proxy-thread": "server/threads/proxy-thread.ts",
};

/**
 * The schema library has its messages in fifty languages, more than half of its text, and keeps all of them since it is
 * handed on as a whole (`base/schema-builder.ts`). Users read sentences of our own in one.
 */
const oneLanguage = {
  name: "one-language",
  load: (id: string): string | null =>
    /\/zod\/v4\/locales\/index\.js$/.test(id) ? 'export { default as en } from "./en.js";' : null,
};

/**
 * Writes the bundle, with the licences of the packages in it.
 * @param root the checkout
 * @param folder where to: one folder down from `index.js`, since the sources look for that one folder up
 * @throws at any warning: something is bundled that will not run
 */
export async function bundleCommand(root: string, folder: string): Promise<void> {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(root, "src", path)])),
    platform: "node",
    external: ["@redis/client"],
    plugins: [oneLanguage],
    onLog(level, log, next) {
      if (level === "warn") throw new Error(`bundling: ${log.message}`);
      next(level, log);
    },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name].cjs",
    // V8 keeps the text of a module, in twice the memory if it has other characters.
    charset: "ascii",
    comments: false,
  });
  await bundle.close();
  const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
  if (modules.some((path) => /\/zod\/.*\/locales\/(?!en\.|index\.)/.test(path)))
    throw new Error("bundling: the schema library brings its other languages");
  const packages = new Set(modules.flatMap((path) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const licences = [...packages].toSorted().map((name) => {
    const folderOf = join(root, "node_modules", name);
    const licence = readdirSync(folderOf).find((file) => /^licen[cs]e/i.test(file)) ?? "LICENSE";
    const text = readFileSync(join(folderOf, licence), "utf8");
    return `This folder contains ${name}:\n\n${text.trim()}\n`;
  });
  writeFileSync(join(folder, "LICENSES.txt"), licences.join("\n\n"));
}
