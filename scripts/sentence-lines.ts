/** One sentence a line: how prose in Markdown is written here, so that a change of a sentence is a change of a line. */

/** What is never the end of a sentence although it looks so. */
const abbreviations = /\b(?:e\.g|i\.e|etc|vs|No|approx|al)\.$/;

/** What a paragraph may begin with: `**Problem.** A sentence …` stays one line, also in a list. */
const label = /^ *(?:(?:[-*]|\d+\.) +)?\*\*(?:[^*]|\*(?!\*))+\*\*$/;

/**
 * `markdown` with a line end behind every sentence of its prose. Tables, headings, code and what stands in backticks
 * stay as they are; what continues an item of a list is indented as the item's text is.
 */
export function toSentenceLines(markdown: string): string {
  let fence: string | null = null;
  return markdown
    .split("\n")
    .map((line) => {
      const mark = /^\s*(```+|~~~+)/.exec(line)?.[1] ?? null;
      if (mark !== null && (fence === null || line.trim() === fence)) {
        fence = fence === null ? mark : null;
        return line;
      }
      if (fence !== null || /^(?: {4,}| *[|#<])/.test(line)) return line;
      const indent = " ".repeat((/^ *(?:(?:[-*>]|\d+\.) +)*/.exec(line)?.[0] ?? "").length);
      return splitSentences(line).join(`\n${indent}`);
    })
    .join("\n");
}

/** The sentences of a line of Markdown. */
function splitSentences(line: string): string[] {
  const sentences: string[] = [];
  let from = 0;
  for (const { index, 0: gap } of line.matchAll(/(?<=[.!?][)"*_]*) +(?=[*_("]*[A-Z`[]|[*_("]*\d)/g)) {
    const before = line.slice(from, index);
    if (/^ *\d+\.$/.test(before) || label.test(before) || abbreviations.test(before) || isInside(line, index)) continue;
    sentences.push(before);
    from = index + gap.length;
  }
  return [...sentences, line.slice(from)];
}

/** Is `index` within code or bold text? */
function isInside(line: string, index: number): boolean {
  const before = line.slice(0, index);
  return [/`+/g, /\*\*/g].some((mark) => [...before.matchAll(mark)].length % 2 === 1);
}
