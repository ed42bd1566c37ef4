/** A thread that does with functions what a proxy thread does: loads programs, and calls a function by its reference. */
import { parentPort, workerData } from "node:worker_threads";
import type { FunctionRef } from "../../base/function-ref.ts";
import { FunctionTable } from "../function-table.ts";
import { ScriptError } from "../script-failure.ts";
import type { ScriptModule } from "../script-module.ts";

const { modules, ref, argument } = workerData as {
  readonly modules: readonly ScriptModule[];
  readonly ref: FunctionRef;
  readonly argument: unknown;
};

try {
  const call = (await FunctionTable.load(modules)).get(ref) as (argument: unknown) => unknown;
  parentPort?.postMessage({ result: await call(argument) });
} catch (error) {
  parentPort?.postMessage(error instanceof ScriptError ? { ...error.failure, path: error.path } : { error });
}
