/**
 * `npm run test:versions`: the tests of the engine on the oldest Node.js of each major version that is supported, and
 * once more on this one without the private doors of Node.js (`src/net/node-internals.ts`). The versions are a package
 * of their own, `test/versions`, which is installed when it is missing: npm links every `node` that the project itself
 * depends on as `node_modules/.bin/node`, the last one last.
 *
 * Arguments are handed to `node --test` in place of the tests of the engine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const versions = join(root, "test/versions");

/** A single test that takes longer hangs. */
const testTimeoutMs = 180_000;

/**
 * What is close to Node.js: sockets, messages, and a few files in which all of it works together. Not
 * `test/wire/differential.test.ts`: what it compares with is Node's own parser, and older ones refuse tabs around a
 * Content-Length.
 */
const engine = [
  "src/net/**/*.test.ts",
  "src/http1/**/*.test.ts",
  "src/server/reception.test.ts",
  "test/wire/requests.test.ts",
  "test/wire/responses.test.ts",
  "test/wire/lenient-responses.test.ts",
  "test/integration/plain-reads.test.ts",
  "test/integration/tunnel.test.ts",
  "test/integration/connection-reuse.test.ts",
  "test/integration/early-answer.test.ts",
  "test/integration/lost-connections.test.ts",
  "test/integration/withheld-content.test.ts",
  // The command, with threads: what a module imports of Node.js is not there in every version.
  "test/cli/lifetime.test.ts",
];

/** @returns whether it went well */
function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): boolean {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  if (error !== undefined) console.error(error.message);
  return status === 0;
}

function test(node: string, environment: NodeJS.ProcessEnv = {}): boolean {
  const files = process.argv.slice(2);
  return run(
    node,
    ["--test", "--test-reporter=dot", `--test-timeout=${testTimeoutMs}`, ...(files.length > 0 ? files : engine)],
    environment,
  );
}

if (!existsSync(join(versions, "node_modules")) && !run("npm", ["ci", "--no-audit", "--no-fund", "--prefix", versions]))
  process.exit(1);

const failed: string[] = [];
for (const name of readdirSync(join(versions, "node_modules")).filter((one) => one.startsWith("node-"))) {
  const node = join(versions, "node_modules", name, "bin/node");
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  console.log(`# Node.js ${version}`);
  if (!test(node)) failed.push(version);
}
console.log(`# Node.js ${process.version}, plain sockets`);
if (!test(process.execPath, { MILLRACE_PLAIN_SOCKETS: "1" })) failed.push("plain sockets");
if (failed.length > 0) {
  console.error(`# failed: ${failed.join(", ")}`);
  process.exit(1);
}
