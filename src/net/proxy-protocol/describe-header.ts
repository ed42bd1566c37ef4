/** What the access log says of a PROXY header. */
import type { ProxyHeader } from "./proxy-header.ts";

/** What needs no quotation marks. */
const plainText = /^[\w.:/+*-]+$/;

/**
 * One line: the address of the proxy that has sent it, then what else it tells, as `name=value`. Made of a stranger's
 * words: whoever writes it escapes it.
 */
export function describeHeader(
  { facts }: ProxyHeader,
  proxy: { readonly peerAddress: string; readonly peerPort: number },
): string {
  const { peerAddress, peerPort } = proxy;
  let text =
    peerAddress === "" ? "unix" : `${peerAddress.includes(":") ? `[${peerAddress}]` : peerAddress}:${peerPort}`;
  if (facts === null) return text;
  const add = (name: string, value: string | null): void => {
    if (value !== null) text += ` ${name}=${plainText.test(value) ? value : JSON.stringify(value)}`;
  };
  add("authority", facts.authority);
  add("alpn", facts.alpn);
  add("id", facts.uniqueId);
  if (facts.tls === null) return text;
  add("tls", facts.tls.version ?? "yes");
  add("cipher", facts.tls.cipher);
  add(facts.tls.isClientVerified ? "client" : "unverifiedClient", facts.tls.clientName);
  return text;
}
