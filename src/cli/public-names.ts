/** The names of `millrace proxy NAME… ENDPOINT…`: hosts that are served over HTTPS. */
import { ipVersion } from "../base/ip-address.ts";
import { normalizeServerName } from "../net/tls/server-name.ts";

/** The arguments of the command. */
export interface ProxyArguments {
  /** Hosts to serve over HTTPS; may be empty. */
  readonly names: readonly string[];
  readonly endpoints: readonly string[];
}

/**
 * Tells names from endpoints: names are host names without scheme and port, and stand before the first endpoint that is
 * written otherwise. If there is none, all are endpoints.
 */
export function splitProxyArguments(texts: readonly string[]): ProxyArguments {
  const at = texts.findIndex((text) => !isBareName(text));
  if (at <= 0) return { names: [], endpoints: texts };
  return { names: texts.slice(0, at).map((text) => normalizeServerName(text) ?? text), endpoints: texts.slice(at) };
}

const isBareName = (text: string): boolean =>
  /[a-z]/i.test(text) && ipVersion(text) === 0 && normalizeServerName(text) !== null;

/** Names that no public authority certifies (RFC 2606, 6761, 6762, 8375, 9476). */
const localEnds = ["localhost", "test", "local", "internal", "home.arpa", "invalid", "example", "alt", "onion"];

/** Can only an authority of one's own certify `name`? */
export function isLocalName(name: string): boolean {
  return !name.includes(".") || localEnds.some((end) => name.endsWith(`.${end}`));
}
