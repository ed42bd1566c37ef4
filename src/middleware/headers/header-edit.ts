/**
 * The `headers` middleware: fields removed, set and added in a section of field lines (see `http/field-text.ts`). Names and
 * values come from the configuration and are held to what a peer would be held to, once, when they are compiled.
 */
import { foldFieldName, isFieldValue, isToken, removeFields, toLowerAscii, trimOws } from "../../http/field-text.ts";

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

/**
 * Compiles the edit of one side; null if `spec` changes nothing.
 * @param direction in a request, other spellings of a removed or set name go, too
 * @throws RangeError if a name is no token or a value no field value (RFC 9110 section 5)
 */
export function compileHeaderEdit(spec: HeaderEditSpec, direction: "request" | "response"): HeaderEdit | null {
  const lines = linesOf(spec);
  const isRemoved = compileRemoval(spec, direction);
  if (isRemoved === null) return lines === "" ? null : (section) => section + lines;
  return (section) => removeFields(section, isRemoved) + lines;
}

/** What is set, then what is added, as lines. */
export function linesOf({ set = {}, add = {} }: HeaderEditSpec): string {
  return [...Object.entries(set), ...Object.entries(add)]
    .map(([name, value]) => `${checkedName(name)}: ${checkedValue(value)}\r\n`)
    .join("");
}

/** Says which names, in lower case, go. Null if none does. */
export function compileRemoval(
  spec: HeaderEditSpec,
  direction: "request" | "response",
): ((lowerName: string) => boolean) | null {
  const { set = {}, remove = [] } = spec;
  const removed = new Set([...remove, ...Object.keys(set)].map((name) => toLowerAscii(checkedName(name))));
  if (removed.size === 0) return null;
  return direction === "request" ? withAliases(removed) : (name) => removed.has(name);
}

/**
 * Many endpoints read `x_user` and `x.user` as `x-user` (see `foldFieldName`). Such a spelling is removed together with
 * `x-user`; otherwise a client could send a field in spite of the route that sets or removes it. A name of letters,
 * digits and `-` is removed only if it is named itself.
 */
function withAliases(removed: ReadonlySet<string>): (name: string) => boolean {
  const folded = new Set([...removed].map(foldFieldName));
  return (name) => removed.has(name) || (/[^a-z0-9-]/.test(name) && folded.has(foldFieldName(name)));
}

function checkedName(name: string): string {
  if (!isToken(name)) throw new RangeError(`not a field name: ${JSON.stringify(name)}`);
  return name;
}

function checkedValue(value: string): string {
  if (!isFieldValue(value) || trimOws(value) !== value)
    throw new RangeError(`not a field value: ${JSON.stringify(value)}`);
  return value;
}
