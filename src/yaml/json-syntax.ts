/**
 * Where a text stops being JSON (RFC 8259): the parser of the language does not always say it, and YAML takes more than
 * JSON.
 */

const whiteSpace = /[ \t\n\r]*/y;
const string = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/y;
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

const maxDepth = 1_000;

/** The offset of the first character that cannot stand there, or null if `text` is JSON. */
export function findJsonMistake(text: string): number | null {
  let at = text.startsWith("\ufeff") ? 1 : 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const takeCharacter = (character: string): boolean => {
    take(whiteSpace);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const takeMember = (depth: number): boolean => {
    take(whiteSpace);
    return take(string) && takeCharacter(":") && takeValue(depth);
  };
  const takeList = (close: string, takeItem: (depth: number) => boolean, depth: number): boolean => {
    if (takeCharacter(close)) return true;
    do if (!takeItem(depth + 1)) return false;
    while (takeCharacter(","));
    return takeCharacter(close);
  };
  const takeValue = (depth: number): boolean => {
    if (depth > maxDepth) return false;
    if (takeCharacter("{")) return takeList("}", takeMember, depth);
    if (takeCharacter("[")) return takeList("]", takeValue, depth);
    return take(string) || take(scalar);
  };
  if (!takeValue(0)) return at;
  take(whiteSpace);
  return at === text.length ? null : at;
}
