/**
 * The end-to-end fields of a message, without a protocol. HTTP/1.1 reads and writes them as text lines, HTTP/2 as pairs
 * of name and value; each form is made from the other only when it is asked for, so that fields which go from one
 * connection to another of the same protocol are forwarded as they came. Immutable.
 *
 * Whatever is in here has been validated: by the parser that read it, or by `plus`. Framing and hop-by-hop fields are
 * never in here; whoever writes a message adds those of its protocol.
 */
import { fieldValue, isFieldValue, isToken, removeFields, trimOws } from "./field-text.ts";

/** Validated header or trailer fields, in the order in which they are sent. */
export class Fields {
  /** No fields. */
  static readonly none = new Fields("", []);

  #text: string | null;
  #pairs: readonly string[] | null;

  private constructor(text: string | null, pairs: readonly string[] | null) {
    this.#text = text;
    this.#pairs = pairs;
  }

  /** @param text validated lines, `name: value\r\n` each; latin1 */
  static ofText(text: string): Fields {
    return text === "" ? Fields.none : new Fields(text, null);
  }

  /** @param pairs validated: name, value, name, value, …; latin1, without white space around values */
  static ofPairs(pairs: readonly string[]): Fields {
    return pairs.length === 0 ? Fields.none : new Fields(null, pairs);
  }

  /** As lines, `name: value\r\n` each. */
  get text(): string {
    return (this.#text ??= toText(this.#pairs!));
  }

  /** Name, value, name, value, …; names as they were written, values without the white space around them. */
  get pairs(): readonly string[] {
    return (this.#pairs ??= toPairs(this.#text!));
  }

  /**
   * The value of the field `lowerName`, several lines joined with `, ` (RFC 9110 section 5.3; Cookie with `; `); null if
   * there is none.
   */
  value(lowerName: string): string | null {
    return fieldValue(this.text, lowerName);
  }

  /**
   * These fields and one more, at the end.
   * @throws RangeError if `name` is no token or `value` no field value (RFC 9110 section 5)
   */
  plus(name: string, value: string): Fields {
    if (!isToken(name)) throw new RangeError(`not a field name: ${JSON.stringify(name)}`);
    if (!isFieldValue(value) || trimOws(value) !== value)
      throw new RangeError(`not a field value: ${JSON.stringify(value)}`);
    return this.plusText(`${name}: ${value}\r\n`);
  }

  /** These fields and those of `text` behind them. @param text validated lines, as for `ofText` */
  plusText(text: string): Fields {
    return text === "" ? this : new Fields(this.text + text, null);
  }

  /** These fields without those whose name, in lower case, `isRemoved` says yes to. */
  without(isRemoved: (lowerName: string) => boolean): Fields {
    return Fields.ofText(removeFields(this.text, isRemoved));
  }
}

function toText(pairs: readonly string[]): string {
  let text = "";
  for (let at = 0; at < pairs.length; at += 2) text += `${pairs[at]!}: ${pairs[at + 1]!}\r\n`;
  return text;
}

function toPairs(text: string): string[] {
  const pairs: string[] = [];
  for (let at = 0; at < text.length; ) {
    const lineEnd = text.indexOf("\r\n", at);
    const colon = text.indexOf(":", at);
    pairs.push(text.slice(at, colon), trimOws(text.slice(colon + 1, lineEnd)));
    at = lineEnd + 2;
  }
  return pairs;
}
