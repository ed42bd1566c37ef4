/**
 * Keeps credentials in queries, and before the host of a URL, out of the log. By default the values of parameters whose
 * names look like a secret's are replaced; with an allow-list, the values of all parameters but those named. Works on
 * the text as received and never fails: what cannot be decoded is compared as it stands.
 */

const redactedValue = "REDACTED";

/**
 * Pieces that make a name a secret's wherever they stand in it; names are compared in lower case, letters and digits
 * only.
 */
const secretPieces =
  /token|secret|passw|pwd|passphrase|apikey|accesskey|privatekey|signature|credential|jwt|session|bearer|otp$/;
/** Names that are a secret's as a whole. */
const secretNames = new Set([
  "key",
  "sig",
  "sid",
  "auth",
  "oauth",
  "authorization",
  "code",
  "pin",
  "ticket",
  "assertion",
  "samlresponse",
  "pass",
  "hmac",
  "cookie",
]);
/**
 * Rules out most queries at once: without any of these letters in a row there is no secret's name, unless letters are
 * percent-encoded.
 */
const mayHoldSecret = /%|tok|sec|pas|pwd|key|sig|cred|jwt|sess|bear|otp|sid|auth|code|pin|ticket|asser|saml|hmac|cook/i;

/**
 * @param allowedNames names whose values are logged, all others being redacted; null = only secret-looking names are
 * redacted.
 */
export class QueryRedactor {
  readonly #allowedNames: ReadonlySet<string> | null;

  constructor(allowedNames: readonly string[] | null = null) {
    this.#allowedNames = allowedNames === null ? null : new Set(allowedNames);
  }

  /** `text` (a request target or a URL) with the userinfo of a URL and the values of secrets in the query replaced. */
  redact(text: string): string {
    const target = text.startsWith("/") ? text : redactUserinfo(text);
    const mark = target.indexOf("?");
    if (mark === -1) return target;
    const query = target.slice(mark + 1);
    if (this.#allowedNames === null && !mayHoldSecret.test(query)) return target;
    // A loop and no regular expression with two stars: the query is a stranger's, and the time must stay linear in its
    // length.
    let redacted = target.slice(0, mark + 1);
    for (let at = 0; at < query.length; ) {
      const end = findSeparator(query, at);
      // Looked for within the parameter alone: a query without "=" must not be walked to its end for each parameter.
      let equals = at;
      while (equals < end && query.charCodeAt(equals) !== 61) equals++;
      const name = equals < end ? query.slice(at, equals) : null;
      redacted += name !== null && this.#isSecret(name) ? `${name}=${redactedValue}` : query.slice(at, end);
      if (end < query.length) redacted += query.charAt(end);
      at = end + 1;
    }
    return redacted;
  }

  #isSecret(name: string): boolean {
    const decoded = decodeName(name);
    if (this.#allowedNames !== null) return !this.#allowedNames.has(decoded);
    const letters = decoded.toLowerCase().replace(/[^a-z0-9]/g, "");
    return secretNames.has(letters) || secretPieces.test(letters);
  }
}

/** RFC 3986, 3.2.1: what stands before the last `@` of the authority. */
function redactUserinfo(url: string): string {
  const scheme = url.indexOf("//");
  if (scheme === -1) return url;
  const start = scheme + 2;
  let end = start;
  let at = -1;
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end);
    if (code === 47 || code === 63 || code === 35) break;
    if (code === 64) at = end;
  }
  return at === -1 ? url : `${url.slice(0, start)}${redactedValue}${url.slice(at)}`;
}

/** The end of the parameter that starts at `from`: at `&`, `;` or the end. */
function findSeparator(query: string, from: number): number {
  for (let at = from; at < query.length; at++) {
    const code = query.charCodeAt(at);
    if (code === 38 || code === 59) return at;
  }
  return query.length;
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
