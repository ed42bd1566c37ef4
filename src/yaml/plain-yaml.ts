/**
 * Reads the YAML that most files are made of, a hundred times as fast as `yaml-document.ts`: block maps and lists, `[ ]`
 * and `{ }` on one line (or as the whole file, which is JSON), scalars on one line. It gives up wherever it is not
 * certain: at anchors, tags, block scalars, unusual numbers, and at everything that is wrong. Then the other reader has
 * the word, which knows all of YAML and says what is wrong and where.
 *
 * Whatever this gives is what the other would give; a test compares them.
 */
import { findJsonMistake } from "./json-syntax.ts";

/** Thrown within this file only: giving up is rare, and a check after every step would not be readable. */
class GiveUp extends Error {}

function giveUp(): never {
  throw new GiveUp();
}

/** Deeper than any configuration. */
const maxDepth = 32;
/** Of a text with escapes. */
const maxEscaped = 10_000;
/** YAML limits keys to 1,024 characters, which are counted in ways of its own. */
const maxKeyLength = 256;
/** Tabs, other line ends than LF and CRLF, what is not printable, and marks of documents and directives. */
const unusual = /[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\r(?!\n)|^(?:---|\.\.\.|%)/m;
/** The key of a block map, with its colon. */
const blockKey = /^([A-Za-z0-9_][\w.-]*):(?: +|$)/;
const flowKey = /([A-Za-z0-9_][\w.-]*):(?= )/y;
/** A text without quotes, in a block: letters, digits and what stands in addresses, paths and durations first. */
const plainStart = /^(?:[A-Za-z0-9/.$~_+(]|[-:](?=[A-Za-z0-9.]))/;
const flowScalar = /(?:[A-Za-z0-9/.$_+(]|[-:](?=[A-Za-z0-9.]))[^,[\]{}"'#]*/y;
/** What JSON knows, too. */
const escapes = /^(?:[^\\]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*$/;
const rest = /^ *(?:$| #)/;
const integer = /^-?(?:0|[1-9]\d{0,14})$/;
const decimal = /^-?(?:0|[1-9]\d{0,8})\.\d{1,6}$/;
/** Numbers as YAML 1.2 knows them, in its core schema. */
const number = /^(?:[-+]?(?:\d+|\.\d+|\d+\.\d*)(?:[eE][-+]?\d+)?|0o[0-7]+|0x[\da-fA-F]+)$/;
const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["~", null],
]);
const otherWords = /^(?:true|false|null|[-+]?\.inf|\.nan|~.*)$/i;

/** A line that has something to say. */
interface Line {
  readonly indent: number;
  /** Without the indentation. */
  readonly text: string;
}

/**
 * What `text` says, as plain data.
 * @param isJson nothing but JSON will do
 * @param substitute puts the environment into a scalar that has `${`; null = that cannot be done
 * @returns undefined if it is not plain enough for this reader
 */
export function readPlainYaml(text: string, isJson: boolean, substitute: Substitute): unknown {
  if (unusual.test(text) || (isJson && findJsonMistake(text) !== null)) return undefined;
  try {
    return new Reader(substitute).read(text);
  } catch (error) {
    if (!(error instanceof GiveUp)) throw error;
    return undefined;
  }
}

/** Puts values into a text; null if it cannot. */
export type Substitute = (text: string) => string | null;

class Reader {
  readonly #substitute: Substitute;
  #lines: Line[] = [];
  #at = 0;
  /** Where the next character of a flow collection is looked for, in `#flow`. */
  #offset = 0;
  #flow = "";
  #canBreak = false;

  constructor(substitute: Substitute) {
    this.#substitute = substitute;
  }

  read(text: string): unknown {
    const start = /[^\s]/.exec(text);
    if (start !== null && (start[0] === "{" || start[0] === "[")) return this.#readWhole(text);
    for (const line of text.split(/\r?\n/)) {
      let indent = 0;
      while (line.charCodeAt(indent) === 0x20) indent++;
      if (indent < line.length && line.charCodeAt(indent) !== 0x23)
        this.#lines.push({ indent, text: line.slice(indent) });
    }
    const first = this.#lines[0];
    if (first === undefined || first.indent !== 0) return giveUp();
    const value = this.#block(0, 0);
    return this.#at === this.#lines.length ? value : giveUp();
  }

  /** A file that is one collection in brackets: JSON, or nearly. */
  #readWhole(text: string): unknown {
    this.#flow = text;
    this.#canBreak = true;
    this.#skipSpace();
    const value = this.#flowNode(0);
    this.#skipSpace();
    return this.#offset === text.length ? value : giveUp();
  }

  /** The list or map whose entries stand at `indent`, from the current line on. */
  #block(indent: number, depth: number): unknown {
    if (depth > maxDepth) giveUp();
    const { text } = this.#lines[this.#at]!;
    return isEntry(text) ? this.#list(indent, depth) : this.#map(indent, depth);
  }

  #list(indent: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined; line = this.#lines[this.#at]) {
      if (line.indent < indent || (line.indent === indent && !isEntry(line.text))) break;
      if (line.indent > indent) giveUp();
      let start = 1;
      while (line.text.charCodeAt(start) === 0x20) start++;
      const inner = line.text.slice(start);
      if (inner === "" || inner.startsWith("#")) {
        this.#at++;
        items.push(this.#deeper(indent, depth));
      } else if (blockKey.test(inner) || isEntry(inner)) {
        // The entry begins on this line: it is read as if it stood on a line of its own.
        this.#lines[this.#at] = { indent: indent + start, text: inner };
        items.push(this.#block(indent + start, depth + 1));
      } else {
        this.#at++;
        items.push(this.#scalarOrFlow(inner, indent, depth));
      }
    }
    return items;
  }

  #map(indent: number, depth: number): unknown {
    const map: Record<string, unknown> = {};
    for (let line = this.#lines[this.#at]; line !== undefined; line = this.#lines[this.#at]) {
      if (line.indent < indent) break;
      if (line.indent > indent) giveUp();
      const match = blockKey.exec(line.text);
      if (match === null) return giveUp();
      this.#at++;
      const after = line.text.slice(match[0].length);
      const value =
        after === "" || after.startsWith("#")
          ? this.#deeperOrList(indent, depth)
          : this.#scalarOrFlow(after, indent, depth);
      this.#define(map, match[1]!, value);
    }
    return map;
  }

  /** What stands below a key: deeper, or a list that is no deeper. */
  #deeperOrList(indent: number, depth: number): unknown {
    const line = this.#lines[this.#at];
    if (line !== undefined && line.indent === indent && isEntry(line.text)) return this.#list(indent, depth + 1);
    return this.#deeper(indent, depth);
  }

  #deeper(indent: number, depth: number): unknown {
    const line = this.#lines[this.#at];
    return line === undefined || line.indent <= indent ? null : this.#block(line.indent, depth + 1);
  }

  #scalarOrFlow(text: string, indent: number, depth: number): unknown {
    // A deeper line below would continue the value.
    const next = this.#lines[this.#at];
    if (next !== undefined && next.indent > indent) giveUp();
    const first = text[0];
    if (first !== "[" && first !== "{" && first !== '"' && first !== "'") return this.#plain(text);
    this.#flow = text;
    this.#offset = 0;
    const value = this.#flowNode(depth + 1);
    return rest.test(text.slice(this.#offset)) ? value : giveUp();
  }

  #plain(text: string): unknown {
    const comment = text.indexOf(" #");
    const value = (comment === -1 ? text : text.slice(0, comment)).trimEnd();
    if (!plainStart.test(value) || value.includes(": ") || value.endsWith(":")) giveUp();
    return this.#resolve(value);
  }

  /** What a text without quotes stands for. */
  #resolve(text: string): unknown {
    const first = text.charCodeAt(0);
    // A letter that begins none of the words.
    if (text.length > 5 && ((first >= 0x61 && first <= 0x7a) || first === 0x2f)) return this.#text(text);
    if (integer.test(text) || decimal.test(text)) return text === "-0" ? giveUp() : Number(text);
    const word = words.get(text);
    if (word !== undefined) return word;
    if (otherWords.test(text) || number.test(text)) return giveUp();
    return this.#text(text);
  }

  #text(text: string): string {
    if (!text.includes("${")) return text;
    return this.#substitute(text) ?? giveUp();
  }

  #flowNode(depth: number): unknown {
    if (depth > maxDepth) giveUp();
    switch (this.#flow[this.#offset]) {
      case "[":
        return this.#flowList(depth);
      case "{":
        return this.#flowMap(depth);
      case '"':
      case "'":
        return this.#text(this.#quoted());
      default: {
        flowScalar.lastIndex = this.#offset;
        const match = flowScalar.exec(this.#flow);
        if (match === null) return giveUp();
        const text = match[0].trimEnd();
        if (text.includes(": ") || text.endsWith(":") || text.includes("\n")) giveUp();
        this.#offset += text.length;
        return this.#resolve(text);
      }
    }
  }

  #quoted(): string {
    const start = this.#offset;
    const flow = this.#flow;
    const quote = flow[start]!;
    let end = flow.indexOf(quote, start + 1);
    if (quote === '"') while (end !== -1 && isEscaped(flow, end)) end = flow.indexOf(quote, end + 1);
    else while (flow[end + 1] === quote && end !== -1) end = flow.indexOf(quote, end + 2);
    const text = flow.slice(start + 1, end);
    if (end === -1 || text.includes("\n")) return giveUp();
    this.#offset = end + 1;
    if (quote === "'") return text.replaceAll("''", "'");
    if (!text.includes("\\")) return text;
    return text.length <= maxEscaped && escapes.test(text) ? (JSON.parse(`"${text}"`) as string) : giveUp();
  }

  #flowList(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#offset++;
    this.#skipSpace();
    if (this.#take("]")) return items;
    do {
      this.#skipSpace();
      items.push(this.#flowNode(depth + 1));
      this.#skipSpace();
    } while (this.#take(","));
    return this.#take("]") ? items : giveUp();
  }

  #flowMap(depth: number): unknown {
    const map: Record<string, unknown> = {};
    this.#offset++;
    this.#skipSpace();
    if (this.#take("}")) return map;
    do {
      this.#skipSpace();
      const key = this.#flowKey();
      this.#skipSpace();
      this.#define(map, key, this.#flowNode(depth + 1));
      this.#skipSpace();
    } while (this.#take(","));
    return this.#take("}") ? map : giveUp();
  }

  #flowKey(): string {
    const first = this.#flow[this.#offset];
    if (first === '"' || first === "'") {
      const key = this.#quoted();
      return this.#take(":") ? key : giveUp();
    }
    flowKey.lastIndex = this.#offset;
    const match = flowKey.exec(this.#flow);
    if (match === null) return giveUp();
    this.#offset += match[0].length;
    return match[1]!;
  }

  /** Comments within brackets are for the other reader: `#` begins nothing here. */
  #skipSpace(): void {
    for (;;) {
      const code = this.#flow.charCodeAt(this.#offset);
      if (code !== 0x20 && !(this.#canBreak && (code === 0x0a || code === 0x0d))) return;
      this.#offset++;
    }
  }

  #take(character: string): boolean {
    if (this.#flow[this.#offset] !== character) return false;
    this.#offset++;
    return true;
  }

  #define(map: Record<string, unknown>, key: string, value: unknown): void {
    if (key === "__proto__" || key === "<<" || key.length > maxKeyLength || Object.hasOwn(map, key)) giveUp();
    map[key] = value;
  }
}

/** Is the quote at `at` part of the text? */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === "\\") start--;
  return (at - start) % 2 === 1;
}

const isEntry = (text: string): boolean => text === "-" || text.startsWith("- ");
