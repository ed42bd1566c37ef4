/** `${NAME}` and `${NAME:-default}` in text, read from the environment; `$${` stands for `${`. */

/** Where names are looked up. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Text with the environment put in, or why that cannot be. */
export type Substitution =
  | { readonly text: string; readonly isChanged: boolean; readonly problem: null }
  | { readonly problem: string; readonly hint: string | null; readonly word: string };

/**
 * Puts the environment into `text`. The default is also taken if the variable is empty, as in a shell; what is put
 * in is not looked at again.
 */
export function substituteEnvironment(text: string, environment: Environment): Substitution {
  if (!text.includes("${")) return { text, isChanged: false, problem: null };
  let result = "";
  let at = 0;
  for (;;) {
    const start = text.indexOf("${", at);
    if (start === -1) break;
    if (text[start - 1] === "$" && start - 1 >= at) {
      result += `${text.slice(at, start - 1)}\${`;
      at = start + 2;
      continue;
    }
    result += text.slice(at, start);
    const end = text.indexOf("}", start);
    const inner = end === -1 ? text.slice(start + 2) : text.slice(start + 2, end);
    const match = end === -1 ? null : /^([A-Za-z_][A-Za-z0-9_]*)(:-([^]*))?$/.exec(inner);
    if (match === null)
      return {
        problem: `"\${${inner}${end === -1 ? "" : "}"}" is not a reference to the environment`,
        hint: 'write "${NAME}" or "${NAME:-default}"; "$${" stands for "${" itself',
        word: "${",
      };
    const [, name = "", fallback, defaultText = ""] = match;
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined && fallback === undefined)
      return {
        problem: `the environment variable ${name} is not set`,
        hint: `set it, or write "\${${name}:-default}"`,
        word: `\${${name}`,
      };
    result += fallback !== undefined && (value === undefined || value === "") ? defaultText : (value ?? "");
    at = end + 1;
  }
  return { text: result + text.slice(at), isChanged: true, problem: null };
}

/** The same for readers that want the text or nothing. */
export function environmentReader(environment: Environment): (text: string) => string | null {
  return (text) => {
    const result = substituteEnvironment(text, environment);
    return result.problem === null ? result.text : null;
  };
}
