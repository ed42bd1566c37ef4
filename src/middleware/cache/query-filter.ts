/**
 * Which parameters of a query make a difference. Names and values are bytes: nothing is decoded, sorted or put together,
 * so that two spellings are two keys, and what is in the key is what the endpoint is sent.
 */

/** What the options say of the query. */
export interface QueryRules {
  /** Names, or beginnings of names followed by `*`. */
  readonly ignoreQuery: readonly string[];
  /** The only ones that count; null = all. */
  readonly query: readonly string[] | null;
}

/** Gives a target, path and query, without the parameters that make no difference. */
export type QueryFilter = (target: string) => string;

/** Compiles `rules`; null = every parameter counts. */
export function compileQueryFilter({ ignoreQuery, query }: QueryRules): QueryFilter | null {
  const isIgnored = ignoreQuery.length === 0 ? null : compileNames(ignoreQuery);
  const isChosen = query === null ? null : compileNames(query);
  if (isIgnored === null && isChosen === null) return null;
  const counts = (name: string): boolean => (isChosen === null || isChosen(name)) && isIgnored?.(name) !== true;
  return (target) => filterQuery(target, counts);
}

function filterQuery(target: string, counts: (name: string) => boolean): string {
  const mark = target.indexOf("?");
  if (mark === -1) return target;
  let kept = "";
  let isChanged = false;
  for (let at = mark + 1; at <= target.length; ) {
    const ampersand = target.indexOf("&", at);
    const end = ampersand === -1 ? target.length : ampersand;
    if (counts(nameOf(target.slice(at, end)))) kept += `${kept === "" ? "?" : "&"}${target.slice(at, end)}`;
    else isChanged = true;
    at = end + 1;
  }
  return isChanged ? target.slice(0, mark) + kept : target;
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf("=");
  return equals === -1 ? parameter : parameter.slice(0, equals);
}

function compileNames(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const beginnings = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  return (name) => names.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}
