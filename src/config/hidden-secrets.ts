/** Lines of a configuration as they may be shown: what is written in them that nobody else may know is not. */
import { secretKeys } from "./secret-keys.ts";

/** The keys whose value is a secret, wherever they stand: options that their schema marks so, and fields of requests. */
const secretNames = [...secretKeys, "authorization", "api-?key"];

/** A key, as YAML, JSON and TypeScript write it, and its value. A section, a reference and a block are none. */
const secretValueOf = (keys: readonly string[]): RegExp =>
  new RegExp(`(\\b(?:${keys.join("|")})["']?\\s*:\\s*)(?![{[|>&*\\s])("[^"]*"?|'[^']*'?|[^,}\\]]+)`, "gi");

const secretValue = secretValueOf(secretNames);

/** What is said of an unknown key that was to be one of a secret. */
const meantSecret = new RegExp(`^did you mean "(?:${secretNames.join("|")})"`);

/** The password in a URL. */
const urlPassword = /(:\/\/[^\s:@/"']{0,256}:)([^\s@/"']{1,256})(?=@)/g;

/** A name from the environment: what it stands for is not in the file. */
const environmentName = /^["']?\$\{[^}]*\}["']?$/;

/** Whether `hint`, about an unknown key, says that a secret was meant: the value of the key is one then. */
export const suggestsSecret = (hint: string | null): boolean => hint !== null && meantSecret.test(hint);

/**
 * `line` with as many stars as its secrets have characters.
 * @param misspelt keys that do not exist and were meant for a secret
 */
export function hideSecrets(line: string, misspelt: readonly string[] = []): string {
  const known = misspelt.length === 0 ? line : hideValues(line, secretValueOf(misspelt.map(toPattern)));
  return hideUrlPasswords(hideValues(known, secretValue));
}

const toPattern = (key: string): string => key.replace(/[^\w]/g, "\\$&");

const hideValues = (line: string, values: RegExp): string =>
  line.replace(values, (_whole, key: string, value: string) => key + (isNamed(value) ? value : starsFor(value)));

/** `text` with as many stars as the passwords of its URLs have characters. */
export function hideUrlPasswords(text: string): string {
  return text.replace(
    urlPassword,
    (_whole, before: string, password: string) => before + (isNamed(password) ? password : starsFor(password)),
  );
}

const isNamed = (value: string): boolean => environmentName.test(value.trimEnd());

const starsFor = (value: string): string => "*".repeat(value.length);
