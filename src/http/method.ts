/** What methods promise (RFC 9110 section 9.2). */

/** RFC 9110 section 9.2.2; an unknown method is not. Comparisons, because a set would hash the text of each request. */
export function isIdempotent(method: string): boolean {
  return isSafe(method) || method === "PUT" || method === "DELETE";
}

/** RFC 9110 section 9.2.1, as far as it is known. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
