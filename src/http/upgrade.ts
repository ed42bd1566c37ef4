/**
 * The protocols that Upgrade names (RFC 9110 section 7.8): `name` or `name/version`. Which of them go on is for the
 * route to say. HTTP in other versions never does: in a tunnel it would carry requests past everything that a proxy is
 * for (`h2c`).
 */
import { isToken, toLowerAscii } from "./field-text.ts";

const neverTunnelled: ReadonlySet<string> = new Set(["h2c", "h2", "http", "https"]);

/** Is it the name of a protocol, with or without a version? */
export function isProtocol(text: string): boolean {
  const slash = text.indexOf("/");
  return slash === -1 ? isToken(text) : isToken(text.slice(0, slash)) && isToken(text.slice(slash + 1));
}

/** Another version of HTTP, which is never tunnelled. */
export function isNeverTunnelled(protocol: string): boolean {
  return neverTunnelled.has(toLowerAscii(protocol.split("/", 1)[0]!));
}

/**
 * The protocol that the value of an Upgrade field asks for, as received; null if it names none, several, or one that
 * is never tunnelled.
 */
export function readUpgrade(value: string): string | null {
  return isProtocol(value) && !isNeverTunnelled(value) ? value : null;
}

/** Are they the same protocol? Names are compared without regard to case. */
export function isSameProtocol(one: string, other: string): boolean {
  return toLowerAscii(one) === toLowerAscii(other);
}
