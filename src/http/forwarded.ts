/**
 * The Forwarded field (RFC 7239): one element a hop, `for=192.0.2.1;proto=https;host="h:8080"`, the nearest hop last.
 * Read strictly and as a whole: a value that does not follow the grammar says nothing.
 */
import { isToken } from "./field-text.ts";

/**
 * One pair and what follows it: a token or a quoted string, then `;`, `,` or the end (RFC 7239 section 4, RFC 9110
 * section 5.6.4).
 */
const pair =
  /[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\[\t -\xff])*)")[ \t]*([;,]|$)/y;

/** What a Forwarded value says, in the terms of the X-Forwarded fields. */
export interface ForwardedReading {
  /**
   * The nodes that the hops name in `for`, joined with `, `; `unknown` for a hop that names none or something that is
   * neither address nor name.
   */
  readonly nodes: string;
  /** What the first hop, which the client itself spoke to, says of scheme and authority; null if it does not. */
  readonly proto: string | null;
  readonly host: string | null;
}

/** Reads a Forwarded value; null if it is malformed. */
export function readForwarded(value: string): ForwardedReading | null {
  const nodes: string[] = [];
  let node: string | null = null;
  let proto: string | null = null;
  let host: string | null = null;
  for (pair.lastIndex = 0; ; ) {
    const match = pair.exec(value);
    if (match === null) return null;
    const text = match[2] ?? (match[3] ?? "").replace(/\\(.)/g, "$1");
    const name = match[1]?.toLowerCase();
    if (name === "for") {
      // RFC 7239 section 4: a parameter stands once in an element.
      if (node !== null) return null;
      node = /^[\w.:[\]-]+$/.test(text) ? text : "unknown";
    } else if (nodes.length === 0 && name === "proto") proto ??= text;
    else if (nodes.length === 0 && name === "host") host ??= text;
    if (match[4] === ";") continue;
    nodes.push(node ?? "unknown");
    node = null;
    if (match[4] === "") return { nodes: nodes.join(", "), proto, host };
  }
}

/** The nodes of `value` as X-Forwarded-For would list them; null if the value is malformed. */
export function forwardedNodes(value: string): string | null {
  return readForwarded(value)?.nodes ?? null;
}

/**
 * A hop as an element: IPv6 in brackets and quotes (RFC 7239 section 6), an authority with a port in quotes, an empty
 * one left out.
 */
export function forwardedElement(hop: {
  readonly address: string;
  readonly scheme: string;
  readonly authority: string;
}): string {
  const node = hop.address.includes(":") ? `"[${hop.address}]"` : isToken(hop.address) ? hop.address : "unknown";
  const host = hop.authority === "" ? "" : `;host=${isToken(hop.authority) ? hop.authority : `"${hop.authority}"`}`;
  return `for=${node};proto=${hop.scheme}${host}`;
}
