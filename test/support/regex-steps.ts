/**
 * How many steps a backtracking engine takes for a regular expression: the pattern is compiled to a small program and
 * run on an explicit stack, which is what the engine of the language does too, but with a counter. Knows as much of the
 * syntax as this project uses; throws on the rest.
 */

type Instruction =
  | { readonly op: "char"; readonly accepts: (code: number) => boolean }
  | { readonly op: "split"; readonly first: number; readonly second: number }
  | { readonly op: "jump"; readonly to: number }
  | { readonly op: "start" }
  | { readonly op: "end" }
  | { readonly op: "boundary" }
  | { readonly op: "look"; readonly program: readonly Instruction[]; readonly isNegative: boolean }
  | { readonly op: "match" };

/** Relative jumps, so that pieces can be put together. */
type Code = Instruction[];

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isWord = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace = (code: number): boolean => /\s/.test(String.fromCharCode(code));
const classes: Readonly<Record<string, (code: number) => boolean>> = {
  d: isDigit,
  w: isWord,
  s: isSpace,
  D: (code) => !isDigit(code),
  W: (code) => !isWord(code),
  S: (code) => !isSpace(code),
};
const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, v: 11, f: 12, 0: 0 };

class Compiler {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags;
  }

  compile(): Code {
    const code = this.#alternatives();
    if (this.#at < this.#source.length) throw new Error(`unknown syntax at ${this.#at} of /${this.#source}/`);
    return [...code, { op: "match" }];
  }

  #alternatives(): Code {
    const first = this.#sequence();
    if (this.#source[this.#at] !== "|") return first;
    this.#at++;
    const second = this.#alternatives();
    return [
      { op: "split", first: 1, second: first.length + 2 },
      ...first,
      { op: "jump", to: second.length + 1 },
      ...second,
    ];
  }

  #sequence(): Code {
    const code: Code = [];
    while (this.#at < this.#source.length && this.#source[this.#at] !== "|" && this.#source[this.#at] !== ")")
      code.push(...this.#quantified());
    return code;
  }

  #quantified(): Code {
    const atom = this.#atom();
    const match = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})(\??)/.exec(this.#source.slice(this.#at, this.#at + 20));
    if (match === null) return atom;
    this.#at += match[0].length;
    const [least, most] = match[0].startsWith("*")
      ? [0, Infinity]
      : match[0].startsWith("+")
        ? [1, Infinity]
        : match[0].startsWith("?")
          ? [0, 1]
          : [Number(match[1]), match[2] === "" ? Number(match[1]) : match[3] === "" ? Infinity : Number(match[3])];
    const isLazy = match[4] === "?";
    const choose = (into: number, past: number): Instruction => ({
      op: "split",
      first: isLazy ? past : into,
      second: isLazy ? into : past,
    });
    const code: Code = [];
    for (let count = 0; count < least; count++) code.push(...atom);
    if (most === Infinity) code.push(choose(1, atom.length + 2), ...atom, { op: "jump", to: -atom.length - 1 });
    else for (let left = most - least; left > 0; left--) code.push(choose(1, (atom.length + 1) * left), ...atom);
    return code;
  }

  #atom(): Code {
    const character = this.#source[this.#at++]!;
    switch (character) {
      case "^":
        return [{ op: "start" }];
      case "$":
        return [{ op: "end" }];
      case ".":
        return [this.#char(this.#flags.includes("s") ? () => true : (code) => code !== 10 && code !== 13)];
      case "(":
        return this.#group();
      case "[":
        return [this.#char(this.#class())];
      case "\\": {
        if (this.#source[this.#at] === "b") {
          this.#at++;
          return [{ op: "boundary" }];
        }
        return [this.#char(this.#escape())];
      }
      default: {
        const code = character.charCodeAt(0);
        return [this.#char((one) => one === code)];
      }
    }
  }

  #char(accepts: (code: number) => boolean): Instruction {
    if (!this.#flags.includes("i")) return { op: "char", accepts };
    return {
      op: "char",
      accepts: (code) =>
        accepts(code) ||
        accepts(String.fromCharCode(code).toLowerCase().charCodeAt(0)) ||
        accepts(String.fromCharCode(code).toUpperCase().charCodeAt(0)),
    };
  }

  #group(): Code {
    const rest = this.#source.slice(this.#at, this.#at + 2);
    if (rest.startsWith("?")) {
      if (rest !== "?:" && rest !== "?=" && rest !== "?!") throw new Error(`unknown group in /${this.#source}/`);
      this.#at += 2;
    }
    const code = this.#alternatives();
    if (this.#source[this.#at++] !== ")") throw new Error(`an open group in /${this.#source}/`);
    return rest === "?=" || rest === "?!"
      ? [{ op: "look", program: [...code, { op: "match" }], isNegative: rest === "?!" }]
      : code;
  }

  /** What follows a backslash. */
  #escape(): (code: number) => boolean {
    const letter = this.#source[this.#at++]!;
    const known = classes[letter];
    if (known !== undefined) return known;
    const hexDigits = letter === "x" ? 2 : letter === "u" ? 4 : 0;
    const code =
      hexDigits > 0
        ? Number.parseInt(this.#source.slice(this.#at, this.#at + hexDigits), 16)
        : (escapes[letter] ?? letter.charCodeAt(0));
    this.#at += hexDigits;
    this.#lastEscape = code;
    return (one) => one === code;
  }

  #lastEscape = -1;

  #class(): (code: number) => boolean {
    const isNegated = this.#source[this.#at] === "^";
    if (isNegated) this.#at++;
    const parts: ((code: number) => boolean)[] = [];
    while (this.#source[this.#at] !== "]") {
      const [from, single] = this.#classMember();
      if (from !== -1 && this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        const [to] = this.#classMember();
        parts.push((code) => code >= from && code <= to);
      } else parts.push(single);
    }
    this.#at++;
    return (code) => parts.some((accepts) => accepts(code)) !== isNegated;
  }

  #classMember(): [code: number, accepts: (code: number) => boolean] {
    const character = this.#source[this.#at++]!;
    if (character === "\\") {
      if (classes[this.#source[this.#at] ?? ""] !== undefined) return [-1, this.#escape()];
      const accepts = this.#escape();
      return [this.#lastEscape, accepts];
    }
    const code = character.charCodeAt(0);
    return [code, (one) => one === code];
  }
}

const programs = new Map<string, Code>();

function programOf(pattern: RegExp): Code {
  const key = `${pattern.flags}/${pattern.source}`;
  let code = programs.get(key);
  if (code === undefined) programs.set(key, (code = new Compiler(pattern.source, pattern.flags).compile()));
  return code;
}

/** Enough to see that a pattern is not linear. */
const maxSteps = 30_000_000;

let steps = 0;

/** Where the match that begins at `start` ends, or -1. */
function run(program: readonly Instruction[], text: string, start: number, isMultiline: boolean): number {
  const stack: number[] = [0, start];
  while (stack.length > 0) {
    let at = stack.pop()!;
    let pc = stack.pop()!;
    for (;;) {
      if (++steps > maxSteps) return -1;
      const instruction = program[pc]!;
      if (instruction.op === "match") return at;
      if (instruction.op === "char") {
        if (at >= text.length || !instruction.accepts(text.charCodeAt(at))) break;
        at++;
        pc++;
      } else if (instruction.op === "split") {
        stack.push(pc + instruction.second, at);
        pc += instruction.first;
      } else if (instruction.op === "jump") pc += instruction.to;
      else if (instruction.op === "start") {
        if (at !== 0 && !(isMultiline && text[at - 1] === "\n")) break;
        pc++;
      } else if (instruction.op === "end") {
        if (at !== text.length && !(isMultiline && text[at] === "\n")) break;
        pc++;
      } else if (instruction.op === "boundary") {
        if (isWord(text.charCodeAt(at - 1)) === isWord(text.charCodeAt(at))) break;
        pc++;
      } else {
        if ((run(instruction.program, text, at, isMultiline) !== -1) === instruction.isNegative) break;
        pc++;
      }
    }
  }
  return -1;
}

/** What `pattern` finds in `text` from `from` on, and in how many steps. */
export function traceRegex(pattern: RegExp, text: string, from: number): { start: number; end: number; steps: number } {
  const program = programOf(pattern);
  const isAnchored = pattern.source.startsWith("^") && !pattern.source.includes("|") && !pattern.multiline;
  const last = pattern.sticky || (isAnchored && from === 0) ? from : text.length;
  steps = 0;
  for (let start = from; start <= last; start++) {
    const end = run(program, text, start, pattern.multiline);
    if (end !== -1 || steps > maxSteps) return { start, end, steps };
  }
  return { start: -1, end: -1, steps };
}
