/**
 * The functions of a configuration in one thread: runs the programs that hold them, and finds each by its reference. A
 * thread does this before it builds its runtime, so that a request never waits for it.
 */
import type { FunctionRef } from "../base/function-ref.ts";
import { explainScriptFailure, ScriptError, type ScriptFailure } from "./script-failure.ts";
import { registerScript } from "./script-hooks.ts";
import type { ScriptModule } from "./script-module.ts";

/** A function of a configuration; whoever uses it knows what it takes and gives. */
export type ScriptFunction = (...args: never[]) => unknown;

const timeLimitMs = 15_000;

/** The configurations of programs that have run in this thread, by version: a program runs once, whatever is reloaded. */
const configurations = new Map<string, unknown>();

/** Finds functions by their references. */
export class FunctionTable {
  /** Of a configuration without functions. */
  static readonly empty = new FunctionTable(new Map());

  readonly #values: ReadonlyMap<string, unknown>;

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
  }

  /**
   * Runs `modules` in this thread, those that have not run yet, and looks whether all their functions are there.
   * @throws ScriptError
   */
  static async load(modules: readonly ScriptModule[]): Promise<FunctionTable> {
    if (modules.length === 0) return FunctionTable.empty;
    const values = new Map<string, unknown>();
    for (const module of modules) {
      if (!configurations.has(module.version)) configurations.set(module.version, await runModule(module));
      values.set(module.version, configurations.get(module.version));
    }
    const table = new FunctionTable(values);
    for (const { file, version, functionPaths } of modules)
      for (const path of functionPaths) table.get({ module: file, version, path });
    return table;
  }

  /** @throws ScriptError if there is no function, which `load` has found out for all that the configuration had */
  get(ref: FunctionRef): ScriptFunction {
    let value = this.#values.get(ref.version);
    for (const step of ref.path)
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, step)
          ? (value as Record<string | number, unknown>)[step]
          : undefined;
    if (typeof value === "function") return value as ScriptFunction;
    throw new ScriptError(
      noPlace(
        "there was a function when the configuration was read, and there is none now that a thread runs the program",
      ),
      ref.module,
      ref.path,
    );
  }
}

function noPlace(message: string): ScriptFailure {
  return { message, line: 0, column: 0 };
}

/** The configuration that a program gives: its default export, awaited, and called if it is a function. */
async function runModule(module: ScriptModule): Promise<unknown> {
  const url = registerScript(module);
  const patience = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => patience.reject(new Error(`the program gave no configuration within ${timeLimitMs / 1_000} s`)),
    timeLimitMs,
  );
  try {
    return await Promise.race([runAt(url), patience.promise]);
  } catch (error) {
    throw new ScriptError(explainScriptFailure(error, url), module.file);
  } finally {
    clearTimeout(timer);
  }
}

async function runAt(url: string): Promise<unknown> {
  return readDefaultExport((await import(url)) as Record<string, unknown>);
}

/** The default export of a program, awaited, and called if it is a function. Throws what the program throws. */
export async function readDefaultExport(module: Record<string, unknown>): Promise<unknown> {
  const exported: unknown = await module["default"];
  return typeof exported === "function" ? await (exported as () => unknown)() : exported;
}
