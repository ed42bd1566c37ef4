/** Which requests a stored answer fits (RFC 9111 section 4.1). */
import type { Fields } from "../fields.ts";
import { isToken, listMembers } from "../field-text.ts";

/**
 * The fields that Vary names, in lower case, each once, sorted; null if no other request is like the one that was made:
 * `*`, or something that is no name of a field.
 */
export function varyNames(fields: Fields): readonly string[] | null {
  const vary = fields.value("vary");
  if (vary === null) return none;
  const names = listMembers(vary);
  return names.every((name) => name !== "*" && isToken(name)) ? [...new Set(names)].sort() : null;
}

const none: readonly string[] = [];

/**
 * Under which key the variant for a request stands: `primaryKey` and, for each of `names`, the value that the request
 * has, exactly. Two requests have the same key if and only if all their values are the same: nothing in a value, which is
 * a client's, can be taken for the end of it.
 * @param valueOf gives the value of a field by its name in lower case, all lines together; null if it is absent
 */
export function variantKey(
  primaryKey: string,
  names: readonly string[],
  valueOf: (lowerName: string) => string | null,
): string {
  let key = `${primaryKey}\n`;
  for (const name of names) {
    const value = valueOf(name);
    // No field value and no name holds a line feed. An absent field is not the same as an empty one.
    key += value === null ? `${name}\n` : `${name}:${value}\n`;
  }
  return key;
}
