/**
 * The `headers` middleware: fields removed, set and added in a section of field lines (see `http/fields.ts`). Names and values come from the configuration
 * and are held to what a peer would be held to, once, when they are compiled.
 */
import { isFieldValue, isToken, removeFields, toLowerAscii, trimOws } from "../http/fields.ts";

/** One side of `headers`. */
export interface HeaderEditSpec {
  /** Fields that are there afterwards with exactly this value. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Fields that are added to those of the same name. */
  readonly add?: Readonly<Record<string, string>> | undefined;
  /** Fields that are not there afterwards unless set or added. Case does not matter. */
  readonly remove?: readonly string[] | undefined;
}

/** Gives the section as it is afterwards: removal comes first, then what is set, then what is added, at the end. */
export type HeaderEdit = (section: string) => string;

/** Null where `spec` changes nothing. @throws RangeError where a name is no token or a value no field value (RFC 9110 section 5). */
export function compileHeaderEdit(spec: HeaderEditSpec): HeaderEdit | null {
  const set = Object.entries(spec.set ?? {});
  const add = Object.entries(spec.add ?? {});
  const remove = spec.remove ?? [];
  const removed = new Set([...remove, ...set.map(([name]) => name)].map((name) => toLowerAscii(checkedName(name))));
  const lines = [...set, ...add].map(([name, value]) => `${checkedName(name)}: ${checkedValue(value)}\r\n`).join("");
  if (removed.size === 0) return lines === "" ? null : (section) => section + lines;
  const isRemoved = (name: string): boolean => removed.has(name);
  return (section) => removeFields(section, isRemoved) + lines;
}

function checkedName(name: string): string {
  if (!isToken(name)) throw new RangeError(`not a field name: ${JSON.stringify(name)}`);
  return name;
}

function checkedValue(value: string): string {
  if (!isFieldValue(value) || trimOws(value) !== value) throw new RangeError(`not a field value: ${JSON.stringify(value)}`);
  return value;
}
