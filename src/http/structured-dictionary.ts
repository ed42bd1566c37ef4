/**
 * Dictionaries of structured fields (RFC 9651 section 4.2.2): `a, b=1, c="text";p=2, d=(1 2)`. Read as strictly as that
 * section wants it: a value with one error says nothing. Linear, and without exceptions. Parameters are read and
 * forgotten.
 */

/** A value of a dictionary, as far as fields that we read need it. */
export type StructuredValue =
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "integer"; readonly value: number }
  | { readonly type: "string" | "token"; readonly value: string }
  | { readonly type: "decimal" | "bytes" | "date" | "display" | "list" };

/**
 * Reads a dictionary, all lines of its field together, without white space around it; null if it is malformed. Of a key
 * that comes again the last value counts.
 */
export function parseStructuredDictionary(text: string): ReadonlyMap<string, StructuredValue> | null {
  return new DictionaryReader(text).read();
}

const keyPattern = /[a-z*][-a-z0-9_.*]*/y;
/** Each bare item but strings: its first character tells which it is, so that one attempt is enough. */
const numberPattern = /-?(?:(\d{1,12}\.\d{1,3})|(\d{1,15}))(?![\d.])/y;
const stringPattern = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const tokenPattern = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const bytesPattern = /:[A-Za-z0-9+/=]*:/y;
const booleanPattern = /\?[01]/y;
const datePattern = /@-?\d{1,15}(?![\d.])/y;
const displayPattern = /%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y;
const spacesPattern = / */y;
const owsPattern = /[\t ]*/y;

const trueValue: StructuredValue = { type: "boolean", value: true };

class DictionaryReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ReadonlyMap<string, StructuredValue> | null {
    const members = new Map<string, StructuredValue>();
    const end = this.#text.length;
    while (this.#at < end) {
      const key = this.#match(keyPattern);
      if (key === null) return null;
      const value = this.#take("=") ? this.#readItemOrList() : trueValue;
      if (value === null || !this.#readParameters()) return null;
      members.set(key[0], value);
      this.#match(owsPattern);
      if (this.#at >= end) return members;
      if (!this.#take(",")) return null;
      this.#match(owsPattern);
      // A comma is followed by a member.
      if (this.#at >= end) return null;
    }
    return members;
  }

  #readItemOrList(): StructuredValue | null {
    if (!this.#take("(")) return this.#readBareItem();
    for (;;) {
      const spaces = this.#match(spacesPattern)![0].length;
      if (this.#take(")")) return { type: "list" };
      // Members stand apart.
      if (spaces === 0 && this.#text.charAt(this.#at - 1) !== "(") return null;
      if (this.#readBareItem() === null || !this.#readParameters()) return null;
    }
  }

  #readParameters(): boolean {
    while (this.#take(";")) {
      this.#match(spacesPattern);
      if (this.#match(keyPattern) === null) return false;
      if (this.#take("=") && this.#readBareItem() === null) return false;
    }
    return true;
  }

  #readBareItem(): StructuredValue | null {
    switch (this.#text.charAt(this.#at)) {
      case '"': {
        const match = this.#match(stringPattern);
        return match === null ? null : { type: "string", value: match[1]!.replace(/\\(.)/g, "$1") };
      }
      case ":":
        return this.#match(bytesPattern) === null ? null : { type: "bytes" };
      case "?": {
        const match = this.#match(booleanPattern);
        return match === null ? null : { type: "boolean", value: match[0] === "?1" };
      }
      case "@":
        return this.#match(datePattern) === null ? null : { type: "date" };
      case "%":
        return this.#match(displayPattern) === null ? null : { type: "display" };
    }
    const number = this.#match(numberPattern);
    if (number !== null)
      return number[1] === undefined ? { type: "integer", value: Number(number[0]) } : { type: "decimal" };
    const token = this.#match(tokenPattern);
    return token === null ? null : { type: "token", value: token[0] };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #take(character: string): boolean {
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }
}
