/**
 * Surrogate-Control (W3C note "Edge Architecture Specification", 2001), as Varnish, Squid and the large networks know it:
 * the directives of Cache-Control for caches such as this one, of which each may be for one of them alone
 * (`max-age=60;name`). Older than RFC 9213, and still what many applications send.
 */
import { trimOws } from "../field-text.ts";
import { type CacheDirectives, CollectedDirectives } from "./cache-control.ts";
import { readDirectives } from "./directive-list.ts";

/** How we are called in Surrogate-Capability, and by directives that are for us. */
const ownName = "millrace";

/** Tells the endpoint that it may send Surrogate-Control. A client's own field would promise what we cannot do (ESI). */
export const surrogateCapabilityField = `Surrogate-Capability: ${ownName}="Surrogate/1.0"\r\n`;

/** Every quoted string has an end. */
const wholePattern = /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/s;
/** The members of a list, with quoted strings in them. */
const membersPattern = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
/** A member, and behind a semicolon whom it is for. */
const memberPattern = /^((?:[^;"]|"(?:[^"\\]|\\.)*")*)(?:;(.*))?$/s;

/** Reads a value, all lines together; null if nothing in it is about storing, and for us. Never throws. */
export function parseSurrogateControl(value: string): CacheDirectives | null {
  const collected = new CollectedDirectives();
  // A quoted string without an end may have swallowed anything.
  let isForUs = !wholePattern.test(value);
  if (isForUs) collected.take({ name: "no-store", argument: null, isWellFormed: false });
  for (const [member] of value.matchAll(membersPattern)) {
    const match = memberPattern.exec(member);
    const target = trimOws(match?.[2] ?? "");
    if (match === null || (target !== "" && target !== ownName)) continue;
    readDirectives(match[1]!, (name, argument, isWellFormed) => {
      const lower = name.toLowerCase();
      // We may be anywhere: what is not for remote ones is not for us.
      if (lower === "no-store-remote") collected.take({ name: "no-store", argument: null, isWellFormed });
      // `max-age=60+30`: fresh for 60 seconds, and usable for 30 more.
      else collected.take({ name, argument: lower === "max-age" ? firstNumber(argument) : argument, isWellFormed });
      isForUs ||= lower === "max-age" || lower === "no-store" || lower === "no-store-remote";
    });
  }
  return isForUs ? collected.directives : null;
}

function firstNumber(argument: string | null): string | null {
  return argument === null ? null : argument.replace(/^(\d+)\+\d+$/, "$1");
}
