/** Lines of a configuration as they may be shown: what is written in them that nobody else may know is not. */

/** The options whose value is a secret, wherever they stand. */
const secretOptions = ["token", "hmacKey", "secret", "password"];

/** A key, as YAML, JSON and TypeScript write it, and its value. A section, a reference and a block are none. */
const secretValue = new RegExp(
  `(\\b(?:${secretOptions.join("|")})["']?\\s*:\\s*)(?![{[|>&*\\s])("[^"]*"?|'[^']*'?|[^,}\\]]+)`,
  "g",
);

/** The password in a URL. */
const urlPassword = /(:\/\/[^\s:@/"']{0,256}:)([^\s@/"']{1,256})(?=@)/g;

/** A name from the environment: what it stands for is not in the file. */
const environmentName = /^["']?\$\{[^}]*\}["']?$/;

/** `line` with as many stars as its secrets have characters. */
export function hideSecrets(line: string): string {
  return hideUrlPasswords(
    line.replace(secretValue, (_whole, key: string, value: string) => key + (isNamed(value) ? value : starsFor(value))),
  );
}

/** `text` with as many stars as the passwords of its URLs have characters. */
export function hideUrlPasswords(text: string): string {
  return text.replace(
    urlPassword,
    (_whole, before: string, password: string) => before + (isNamed(password) ? password : starsFor(password)),
  );
}

const isNamed = (value: string): boolean => environmentName.test(value.trimEnd());

const starsFor = (value: string): string => "*".repeat(value.length);
