/**
 * A configuration as text: YAML, or JSON, which is read as the YAML that it is. Keeps where everything stands, so that
 * every problem can be shown in its place; puts the environment into text values.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { type Environment, substituteEnvironment } from "./environment.ts";
import type { Finding } from "./explain-issue.ts";
import { findJsonMistake } from "../yaml/json-syntax.ts";
import type { ConfigPath, Problem } from "./problem.ts";
import {
  forEachNode,
  readYaml,
  spanOf,
  type TextFinding,
  toPlainValue,
  type YamlDocument,
} from "../yaml/yaml-document.ts";

/** A piece of the text, as offsets. */
interface Span {
  readonly start: number;
  readonly end: number;
}

const maxExcerptLines = 2;

/** How much of a line is looked at on either side of a mistake to explain it: a line may be all of a large file. */
const explainedColumns = 200;

/** Plain sentences in place of the parser's own, which speak the language of the YAML specification. */
const syntaxSentences: Readonly<Record<string, string>> = {
  MISSING_CHAR: "something is not closed before this: a bracket, a brace or a quote",
  BLOCK_AS_IMPLICIT_KEY: 'there is a second ":" in this value; put the text in quotes, or begin a new line',
  MULTILINE_IMPLICIT_KEY: 'a key has no ":" after it, or is not closed on its line',
  TAB_AS_INDENT: "this line is indented with a tab",
  BAD_INDENT: "this line is indented in a way that fits none of the lines above",
};

/** A text that was read. */
export class ConfigText {
  /** The name of the file, as problems show it. */
  readonly file: string;
  readonly #text: string;
  readonly #lines: readonly string[];
  readonly #lineCounter = new LineCounter();
  readonly #yaml: YamlDocument;
  readonly #substituted = new Set<Node>();
  /** The pairs of maps by key, as far as they were looked at. */
  readonly #pairs = new Map<YAMLMap, Map<string, Pair>>();
  readonly #findings: TextFinding[] = [];
  /** What the text says: plain data; undefined if `problems` has something to say. */
  readonly value: unknown;

  constructor(text: string, options: { file: string; isJson: boolean; environment: Environment }) {
    this.file = options.file;
    this.#text = text;
    this.#lines = text.split(/\r\n|\n|\r/);
    this.#yaml = readYaml(text, this.#lineCounter);
    this.#checkSyntax();
    if (this.#findings.length === 0 && options.isJson) this.#requireJson();
    if (this.#findings.length === 0) this.#substitute(options.environment);
    this.value = this.#findings.length === 0 ? toPlainValue(this.#yaml, this.#findings) : undefined;
  }

  /** What is wrong with the text itself. */
  get problems(): Problem[] {
    return this.#findings.map((finding) => this.#toProblem(finding.message, finding.hint, [], finding));
  }

  /** A finding about the value, at its place in the text. */
  locate(finding: Finding): Problem {
    return this.#toProblem(finding.message, finding.hint, finding.path, this.#spanOf(finding.path, finding.isAtKey));
  }

  /** Does the value at `path` come from the environment, wholly or in part? */
  isSubstituted(path: ConfigPath): boolean {
    const found = this.#find(path);
    return found.isComplete && found.node !== null && this.#substituted.has(found.node);
  }

  #substitute(environment: Environment): void {
    forEachNode(this.#yaml.document.contents, (node, isKey) => {
      if (isKey || !isScalar(node) || typeof node.value !== "string") return;
      const result = substituteEnvironment(node.value, environment);
      if (result.problem !== null) {
        const span = spanOf(node);
        const word = this.#text.indexOf(result.word, span.start);
        const start = word !== -1 && word < span.end ? word : span.start;
        const closed = this.#text.indexOf("}", start);
        this.#findings.push({
          start,
          end: closed !== -1 && closed < span.end ? closed + 1 : span.end,
          message: result.problem,
          hint: result.hint,
        });
      } else if (result.isChanged) {
        node.value = result.text;
        this.#substituted.add(node);
      }
    });
  }

  /**
   * After a mistake in the syntax the reader is lost: only the first one is told. Keys that are there twice are told
   * each.
   */
  #checkSyntax(): void {
    const {
      document: { errors, warnings },
      findings,
    } = this.#yaml;
    for (const error of [...errors, ...warnings])
      if (error === errors[0] || error.code === "TAG_RESOLVE_FAILED") this.#findings.push(this.#explainSyntax(error));
    for (const finding of findings) this.#findings.push(finding);
  }

  #requireJson(): void {
    const at = findJsonMistake(this.#text);
    if (at === null) return;
    const character = this.#text[at];
    const message =
      character === undefined
        ? "the text ends too early to be JSON"
        : `${JSON.stringify(character)} cannot stand here in JSON`;
    this.#findings.push({
      start: at,
      end: at + 1,
      message,
      hint: "comments, single quotes and trailing commas are for files named .yaml",
    });
  }

  #explainSyntax(error: YAMLError): TextFinding {
    const [start, end] = error.pos;
    const { line: lineNumber, col } = this.#lineCounter.linePos(start);
    const line = (this.#lines[lineNumber - 1] ?? "").slice(Math.max(0, col - explainedColumns), col + explainedColumns);
    if (error.code === "TAG_RESOLVE_FAILED")
      return {
        start,
        end,
        message: "tags are not known here",
        hint: line.includes(" !") ? 'text that begins with "!" stands in quotes' : null,
      };
    const plainSentence = error.message.startsWith("Flow ")
      ? 'a "[" or "{" above is not closed before this'
      : syntaxSentences[error.code];
    const isReferenceUnquoted = /[[{,:]\s*[^"'\s]*\$\{/.test(line);
    if (isReferenceUnquoted)
      return {
        start,
        end: start + 1,
        message: "inside { } and [ ], a reference to the environment must be in quotes",
        hint: 'write "${NAME}" with the quotes',
      };
    const hint = /\t/.test(/^\s*/.exec(line)?.[0] ?? "") ? "indent with spaces; YAML takes no tabs" : null;
    return {
      start,
      end: Math.max(end, start + 1),
      message: plainSentence ?? error.message.replace(/\.?$/, "").replace(/^./, (letter) => letter.toLowerCase()),
      hint,
    };
  }

  #find(path: ConfigPath): { node: Node | null; pair: Pair | null; isComplete: boolean } {
    let node = this.#yaml.document.contents as Node | null;
    let pair: Pair | null = null;
    for (const step of path) {
      const inside = this.#resolve(node);
      if (isSeq(inside) && typeof step === "number") {
        const item = inside.items[step];
        if (item === undefined) return { node, pair, isComplete: false };
        node = item as Node;
        pair = null;
      } else if (isMap(inside)) {
        const found = this.#findPair(inside, String(step), 0);
        if (found === null) return { node, pair, isComplete: false };
        pair = found;
        node = found.value as Node | null;
      } else return { node, pair, isComplete: false };
    }
    return { node: this.#resolve(node), pair, isComplete: true };
  }

  #findPair(map: YAMLMap, key: string, depth: number): Pair | null {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : String(pair.key), pair]));
      this.#pairs.set(map, pairs);
    }
    const found = pairs.get(key);
    const merge = pairs.get("<<");
    if (found !== undefined || merge === undefined || depth > 8) return found ?? null;
    const source = this.#resolve(merge.value as Node | null);
    for (const each of isSeq(source) ? source.items : [source]) {
      const target = this.#resolve(each as Node | null);
      const merged = isMap(target) ? this.#findPair(target, key, depth + 1) : null;
      if (merged !== null) return merged;
    }
    return null;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (this.#yaml.targets.get(node) ?? null) : node;
  }

  #spanOf(path: ConfigPath, isAtKey: boolean): Span {
    const { node, pair, isComplete } = this.#find(path);
    const key = pair === null ? null : (pair.key as Node | null);
    const isCollection = isMap(node) || isSeq(node);
    const isEmpty = node === null || node.range === undefined || node.range === null || node.range[0] === node.range[1];
    if (key !== null && (isAtKey || !isComplete || isCollection || isEmpty)) return spanOf(key);
    if (node === null) return { start: 0, end: 1 };
    if (isMap(node) && !isComplete) {
      const first = node.items[0];
      if (first !== undefined && isPair(first)) return spanOf(first.key as Node);
    }
    return spanOf(node);
  }

  #toProblem(message: string, hint: string | null, path: ConfigPath, span: Span): Problem {
    const { line, col: column } = this.#text === "" ? { line: 1, col: 1 } : this.#lineCounter.linePos(span.start);
    const text = this.#lines[line - 1] ?? "";
    const length = Math.max(1, Math.min(span.end - span.start, text.trimEnd().length - column + 1));
    const firstLine = Math.max(1, line - maxExcerptLines);
    const lines = this.#lines.slice(firstLine - 1, line + 1);
    while (lines.length > 0 && lines.length > line - firstLine + 1 && lines.at(-1)?.trim() === "") lines.pop();
    return { message, hint, path, file: this.file, line, column, length, excerpt: { firstLine, lines } };
  }
}
