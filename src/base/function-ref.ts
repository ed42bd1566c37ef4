/**
 * Functions in configurations. Threads cannot be handed functions, so the normal form of a configuration holds
 * references in their place: plain data that says which module has the function, and where in it. Whoever reads a
 * configuration program names its functions (`nameFunctions`); each thread finds them again (`script/function-table.ts`).
 */

/** A function of a configuration, as plain data. */
export interface FunctionRef {
  /** The program that the function stands in: an absolute path. */
  readonly module: string;
  /** Tells the contents of the program, with all that it imports, from others (a digest). */
  readonly version: string;
  /** Where the function stands in the program's configuration: keys and list positions from its root. */
  readonly path: readonly (string | number)[];
}

const known = new WeakMap<object, FunctionRef>();

/** The reference to `value`, if it is a function that was named; null for anything else. */
export function functionRefOf(value: unknown): FunctionRef | null {
  return typeof value === "function" ? (known.get(value) ?? null) : null;
}

/**
 * Names all functions below `root`, a value of any shape: schemas then accept them if an option takes one. A function
 * that stands in several places keeps the name of the first.
 * @returns their paths
 */
export function nameFunctions(root: unknown, module: string, version: string): (readonly (string | number)[])[] {
  const paths: (readonly (string | number)[])[] = [];
  const seen = new Set<unknown>();
  const path: (string | number)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "function") {
      if (known.has(value)) return;
      const found = [...path];
      known.set(value, { module, version, path: found });
      paths.push(found);
      return;
    }
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Object.keys(value)) {
      path.push(Array.isArray(value) ? Number(key) : key);
      visit((value as Record<string, unknown>)[key]);
      path.pop();
    }
  };
  visit(root);
  return paths;
}
