/**
 * Start of the compiled package to the first proxied answer: `node bench/startup.ts [--rounds N] [--sources]`.
 * Builds the package first if it is missing or older than the sources. Exit code 1 above the limit.
 */
import { parseArgs } from "node:util";
import { installPackages } from "../scripts/install-packages.ts";
import { startBackend } from "./macro/backend.ts";
import { allowedCores, planCores } from "./macro/machine.ts";
import { measureStartup } from "./macro/measure-startup.ts";
import {
  compiledMillraceCommand,
  ensureCompiled,
  millracePeer,
  millraceVariants,
  sourceMillraceCommand,
} from "./macro/peers/millrace.ts";
import { median } from "./macro/statistics.ts";
import { cleanUpAtExit } from "./macro/workspace.ts";

/** Milliseconds. */
const limit = 200;

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, sources: { type: "boolean", default: false } },
});
cleanUpAtExit();
installPackages("bench");
if (!options.sources) await ensureCompiled();
const plain = millraceVariants.slice(0, 1);
const peers = plain.map((variant) =>
  millracePeer(variant, options.sources ? sourceMillraceCommand() : compiledMillraceCommand()),
);
const plan = planCores(allowedCores());
const backend = await startBackend(plan.backend);
try {
  const { millrace } = await measureStartup(
    {
      peers,
      rounds: Number(options.rounds),
      onFailure(_, error) {
        throw error;
      },
    },
    backend,
    plan,
  );
  const values = millrace?.values ?? [];
  const middle = median(values);
  console.log(
    `start to the first answer: ${middle.toFixed(0)} ms (${values.map((value) => value.toFixed(0)).join(", ")}), limit ${limit} ms`,
  );
  process.exitCode = middle <= limit ? 0 : 1;
} finally {
  await backend.stop();
}
