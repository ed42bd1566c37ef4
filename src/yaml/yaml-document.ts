/**
 * YAML text as a document, and the document as plain data, with work that is linear in the text: nesting is bounded
 * before anything recurses, keys that are there twice are found by a set, and each alias knows its anchor. What aliases
 * repeat is one object in memory, but is looked at again wherever it stands: how much they may unfold to is bounded, so
 * that a file of a kilobyte cannot stand for billions of values.
 */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  Parser,
  Scalar,
  type YAMLMap,
} from "yaml";

/** Deeper than any configuration; the parser's own stack, which has a place or two for each level. */
const maxStack = 200;

/**
 * How many values aliases may stand for, all together, beyond those that are written. Ten thousand routes that share a
 * hundred values each fit.
 */
const maxUnfoldedValues = 1_000_000;

/** Something that is wrong with the text itself: a sentence, and where. */
export interface TextFinding {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly hint: string | null;
}

/** A document, and what is wrong with it that the parser does not say. */
export interface YamlDocument {
  readonly document: Document;
  /** What each alias stands for; one that names no anchor is missing. */
  readonly targets: ReadonlyMap<Alias, Node>;
  readonly findings: readonly TextFinding[];
}

class TooDeep extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super("nested too deeply");
    this.offset = offset;
  }
}

class BoundedParser extends Parser {
  override next(lexeme: string): ReturnType<Parser["next"]> {
    if (this.stack.length > maxStack) throw new TooDeep(this.offset);
    return super.next(lexeme);
  }
}

/** Parses `text`. The parser's own errors are in `document.errors`; a second document in the text is one of them. */
export function readYaml(text: string, lineCounter: LineCounter): YamlDocument {
  const options = {
    lineCounter,
    prettyErrors: false,
    merge: true,
    stringKeys: true,
    keepSourceTokens: false,
    uniqueKeys: false,
  } as const;
  const findings: TextFinding[] = [];
  let document: Document | null = null;
  try {
    for (const each of new Composer(options).compose(
      new BoundedParser(lineCounter.addNewLine).parse(text),
      true,
      text.length,
    )) {
      document ??= each;
      if (each === document) continue;
      findings.push({
        start: each.range[0],
        end: each.range[1],
        message: "a configuration is one document; a second one begins here",
        hint: null,
      });
      break;
    }
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    findings.push({
      start: error.offset,
      end: error.offset + 1,
      message: "the configuration is nested too deeply",
      hint: null,
    });
  }
  if (document === null || findings.length > 0)
    return { document: document ?? emptyDocument(), targets: new Map(), findings };
  const targets = findTargets(document, findings);
  return { document, targets, findings };
}

function emptyDocument(): Document {
  const [document] = new Composer().end(true, 0);
  return document as Document;
}

/** One walk in the order of the text: an alias stands for the last anchor of its name before it. */
function findTargets(document: Document, findings: TextFinding[]): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  forEachNode(document.contents, (node) => {
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target !== undefined) targets.set(node, target);
      // After another mistake the anchor may just not have been read.
      else if (document.errors.length === 0)
        findings.push({
          ...spanOf(node),
          message: `"*${node.source}" refers to an anchor that is not there`,
          hint: `if this is text, put it in quotes: "*${node.source}"`,
        });
      return;
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isMap(node)) findRepeatedKeys(node, findings);
  });
  return targets;
}

/**
 * Calls `onNode` for every node below `node`, in the order of the text. The parser's own `visit` copies the way to each
 * node, which costs a quarter of reading a large file.
 * @param onNode hears, too, whether the node is the key of a map
 */
export function forEachNode(node: unknown, onNode: (node: Node, isKey: boolean) => void, isKey = false): void {
  if (!isNode(node)) return;
  onNode(node as Node, isKey);
  if (!isMap(node) && !isSeq(node)) return;
  for (const item of node.items) {
    if (!isPair(item)) forEachNode(item, onNode);
    else {
      forEachNode(item.key, onNode, true);
      forEachNode(item.value, onNode);
    }
  }
}

function findRepeatedKeys(map: YAMLMap, findings: TextFinding[]): void {
  const keys = new Set<unknown>();
  for (const { key } of map.items) {
    if (!isScalar(key)) continue;
    if (keys.has(key.value))
      findings.push({ ...spanOf(key), message: `the key "${String(key.value)}" is there twice`, hint: null });
    keys.add(key.value);
  }
}

/** Where a node stands in the text. */
export function spanOf(node: Node): { start: number; end: number } {
  const [start, end] = node.range ?? [0, 1, 1];
  return { start, end };
}

/** What a document says, as plain data; undefined if `findings` got something to say. */
export function toPlainValue({ document, targets }: YamlDocument, findings: TextFinding[]): unknown {
  const converter = new Converter(targets);
  const value = converter.convert(document.contents as Node | null);
  for (const finding of converter.findings) findings.push(finding);
  return converter.findings.length > 0 ? undefined : value;
}

/** A value that is being made, or was made; an alias of it refers to the same value. */
interface Made {
  value: unknown;
  /** How many values it is when everything is unfolded; null while it is being made. */
  size: number | null;
}

class Converter {
  readonly findings: TextFinding[] = [];
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly #anchored = new Map<Node, Made>();
  /** How many values everything that was converted so far is, unfolded. */
  #size = 0;
  #unfolded = 0;

  constructor(targets: ReadonlyMap<Alias, Node>) {
    this.#targets = targets;
  }

  convert(node: Node | null): unknown {
    if (node === null) return null;
    if (isAlias(node)) return this.#repeat(node);
    if (!("anchor" in node) || node.anchor === undefined) return this.#make(node);
    const made: Made = { value: undefined, size: null };
    this.#anchored.set(node, made);
    const before = this.#size;
    made.value = this.#make(node);
    made.size = this.#size - before;
    return made.value;
  }

  #make(node: Node): unknown {
    this.#size++;
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item) => this.convert(item as Node | null));
    if (!isMap(node)) return null;
    const result: Record<string, unknown> = {};
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      if (isMergeKey(pair.key)) this.#merge(result, pair.value);
      else define(result, String(isScalar(pair.key) ? pair.key.value : pair.key), this.convert(pair.value));
    }
    return result;
  }

  #repeat(alias: Alias): unknown {
    const target = this.#targets.get(alias);
    const made = target === undefined ? undefined : this.#anchored.get(target);
    if (made === undefined || made.size === null) {
      this.findings.push({
        ...spanOf(alias),
        message: `"*${alias.source}" stands within what it stands for`,
        hint: null,
      });
      return null;
    }
    const isTooMuch = this.#unfolded > maxUnfoldedValues;
    this.#unfolded += made.size;
    this.#size += made.size;
    if (!isTooMuch && this.#unfolded > maxUnfoldedValues) {
      this.findings.push({
        ...spanOf(alias),
        message: `the aliases of this file stand for more than ${maxUnfoldedValues.toLocaleString("en")} values`,
        hint: "an alias that repeats aliases multiplies them",
      });
    }
    return made.value;
  }

  /** YAML 1.1's merge: keys that are there already stay; of several sources the earlier goes before the later. */
  #merge(into: Record<string, unknown>, source: Node | null): void {
    const node = isAlias(source) ? (this.#targets.get(source) ?? null) : source;
    for (const each of isSeq(node) ? (node.items as Node[]) : [source]) {
      const value = this.convert(each);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        this.findings.push({
          ...(source === null ? { start: 0, end: 1 } : spanOf(source)),
          message: 'what "<<" merges is a section or a list of sections',
          hint: null,
        });
        return;
      }
      for (const [key, member] of Object.entries(value)) if (!Object.hasOwn(into, key)) define(into, key, member);
    }
  }
}

const isMergeKey = (key: Node): boolean =>
  isScalar(key) &&
  (key.type === undefined || key.type === Scalar.PLAIN) &&
  (key.value === "<<" || (typeof key.value === "symbol" && key.value.description === "<<"));

/** Sets a key as an object literal would: `__proto__` becomes an ordinary key, and is refused as such later. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}
