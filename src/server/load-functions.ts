/** The functions of a configuration, found in the thread that calls; what is wrong is told as of any configuration. */
import { ConfigError, placedProblem } from "../config/problem.ts";
import { FunctionTable } from "../script/function-table.ts";
import { ScriptError } from "../script/script-failure.ts";
import type { ScriptModule } from "../script/script-module.ts";

/** Loads the functions of a configuration in the thread that calls. @throws ConfigError if a program does not run in this thread, or does not have the functions that it had */
export async function loadFunctions(modules: readonly ScriptModule[]): Promise<FunctionTable> {
  try {
    return await FunctionTable.load(modules);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const { failure, file, path } = error;
    const module = modules.find((one) => one.file === file);
    const text = module?.sources[module.url]?.text ?? "";
    throw new ConfigError([{ ...placedProblem({ ...failure, file }, text), path }]);
  }
}
