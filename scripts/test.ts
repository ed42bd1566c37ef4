/**
 * `npm test`: system packages that the tests use as real peers, then format, linter and types, then every test.
 * Arguments are handed to `node --test` in place of all test files: `npm test -- src/base/units.test.ts`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A single test that takes longer hangs. */
const testTimeoutMs = 180_000;

function run(title: string, args: readonly string[]): void {
  console.log(`# ${title}`);
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (error !== undefined) console.error(error.message);
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(root, "node_modules/typescript"))) {
  console.error("The dependencies are missing: run `npm install` first.");
  process.exit(1);
}

const files = process.argv.slice(2);
if (files.length === 0) {
  run("system packages", ["scripts/install-packages.ts", "test"]);
  run("format (mended by `npm run format`)", ["node_modules/@biomejs/biome/bin/biome", "format", "."]);
  run("linter", ["node_modules/oxlint/bin/oxlint", "--type-aware"]);
  run("type check", ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "."]);
}
run("tests", [
  "--test",
  `--test-concurrency=${Math.max(2, availableParallelism())}`,
  `--test-timeout=${testTimeoutMs}`,
  ...(files.length > 0
    ? files
    : ["src/**/*.test.ts", "test/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"]),
]);
