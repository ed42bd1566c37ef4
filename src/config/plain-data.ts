/** Finds what is not plain data in a configuration: it must be possible to compare, show and post it to threads. */
import type { Finding } from "./explain-issue.ts";

const maxDepth = 64;

/**
 * What in `root` is not plain data: symbols, instances of classes, cycles, and keys that would reach an
 * object's prototype.
 */
export function findForeignValues(root: unknown): Finding[] {
  const findings: Finding[] = [];
  const above = new Set<object>();
  // Of the value that is looked at; a copy for each of a hundred thousand values would cost more than the look.
  const path: (string | number)[] = [];
  const report = (message: string, isAtKey = false): void => {
    findings.push({ path: [...path], message, isAtKey, hint: null });
  };
  const visit = (value: unknown): void => {
    if (typeof value === "symbol" || typeof value === "bigint") report(`a configuration cannot hold a ${typeof value}`);
    else if (typeof value === "number" && !Number.isFinite(value))
      report(`${value} is not a number that a configuration can hold`);
    if (typeof value !== "object" || value === null) return;
    if (above.has(value) || path.length > maxDepth)
      return report("the configuration holds itself, or is nested too deeply");
    const prototype: unknown = Object.getPrototypeOf(value);
    // An object of another realm (a test runner's, a worker's) has another Object.prototype, which in turn has none.
    const isPlain = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
    if (!isPlain)
      return report(
        `a configuration is plain data; it cannot hold an instance of ${value.constructor?.name ?? "a class"}`,
      );
    above.add(value);
    for (const key of Object.keys(value)) {
      path.push(Array.isArray(value) ? Number(key) : key);
      if (key === "__proto__") report('"__proto__" cannot be a key', true);
      else visit((value as Record<string, unknown>)[key]);
      path.pop();
    }
    above.delete(value);
  };
  visit(root);
  return findings;
}
