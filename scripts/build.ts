/**
 * Builds what is published into `dist/`: compiled JavaScript and declarations of `src/` without its tests, and the
 * command, which is bundled. Fails when a compiled file still names a TypeScript file, which would only be noticed by whoever installs
 * the package.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand } from "./bundle-command.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });

const tsc = spawnSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.build.json")],
  { stdio: "inherit" },
);
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

const leftovers = globSync("**/*.js", { cwd: dist }).flatMap((file) =>
  readFileSync(join(dist, file), "utf8")
    .split("\n")
    .flatMap((line, index) =>
      /(?:import|from|URL|Worker)\b.*["'`]\.{1,2}\/[^"'`]*(?<!\.d)\.ts["'`]/.test(line) &&
      !/\.js["'`]|^\s*(?:\*|\/\/)/.test(line)
        ? [`dist/${file}:${index + 1}: ${line.trim()}`]
        : [],
    ),
);
if (leftovers.length > 0) {
  console.error(`Compiled files still name TypeScript files:\n${leftovers.join("\n")}`);
  process.exit(1);
}

// Programs import the library, and never the command.
rmSync(join(dist, "src/cli"), { recursive: true });
await bundleCommand(root, join(dist, "src/cli"));

const command = readFileSync(join(root, "bin/millrace.cjs"), "utf8").replace(
  'import("../src/cli/main.ts")',
  'new Promise(function (resolve) { resolve(require("../src/cli/main.cjs")); })',
);
mkdirSync(join(dist, "bin"));
writeFileSync(join(dist, "bin/millrace.cjs"), command);
chmodSync(join(dist, "bin/millrace.cjs"), 0o755);
