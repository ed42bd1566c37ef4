/** `no-transform`: whoever says it wants the bytes that were sent (RFC 9111 sections 5.2.1.6 and 5.2.2.6). */

/** Does a Cache-Control value, of a request or an answer, have `no-transform`? In doubt it has. */
export function forbidsTransforming(cacheControl: string | null): boolean {
  return cacheControl !== null && /no-transform/i.test(cacheControl);
}
