/** What status codes mean to a cache (RFC 9110 section 15, RFC 9111 section 3). */

/** May freshness be guessed for it (RFC 9110 section 15.1)? 206 is missing: parts are not stored. */
export function isHeuristicallyCacheable(status: number): boolean {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;
  }
}

/**
 * Does the status speak of how this one request was written or sent, in parts that are in no key: its fields, its size,
 * its credentials, its rate? Stored, such an answer would deny the resource to everybody (cache-poisoned denial of
 * service).
 */
export function isAboutOneRequest(status: number): boolean {
  switch (status) {
    case 400:
    case 401:
    case 407:
    case 408:
    case 411:
    case 412:
    case 413:
    case 414:
    case 415:
    case 416:
    case 417:
    case 421:
    case 425:
    case 426:
    case 428:
    case 429:
    case 431:
      return true;
    default:
      return false;
  }
}

/** Do we know what caching an answer of this status means (RFC 9111 section 5.2.2.3, must-understand)? */
export function isUnderstood(status: number): boolean {
  return isHeuristicallyCacheable(status) || understood.has(status);
}

const understood: ReadonlySet<number> = new Set([
  201, 202, 205, 302, 303, 307, 402, 403, 406, 409, 418, 422, 423, 424, 451, 500, 502, 503, 504, 505, 507, 508, 511,
]);
