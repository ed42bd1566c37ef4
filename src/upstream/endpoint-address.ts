/**
 * The address of an endpoint as people write it: `http://host:port`, `https://host:port`, `tcp://host:port` or
 * `unix:/path`.
 */
import { domainToASCII } from "node:url";
import { ipVersion } from "../base/ip-address.ts";
import { isHostName, parseSocketPath } from "../net/listen-address.ts";
import { toPeerName } from "../net/tls/peer-name.ts";

/**
 * The address of an endpoint. `url` is canonical (lower case, port written out): the endpoint's identity within its
 * upstream.
 */
export interface EndpointAddress {
  readonly url: string;
  /** Name or literal address without brackets; null for a Unix socket. */
  readonly host: string | null;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** The path of the Unix socket, or null. */
  readonly socketPath: string | null;
}

/**
 * Reads an endpoint's address.
 * @throws RangeError with a sentence for the user.
 */
export function parseEndpointAddress(text: string): EndpointAddress {
  const shown = JSON.stringify(text);
  if (text.startsWith("unix:")) {
    const socketPath = parseSocketPath(text);
    return { url: `unix:${socketPath}`, host: null, port: 0, socketPath };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme === undefined) {
    const hint =
      /^[\w.-]+(:\d+)?$/.test(text) || /^\[[\da-f:.]+\](:\d+)?$/i.test(text)
        ? `write "http://${text}"`
        : 'write for example "http://10.0.0.1:8081", "https://api.internal" or "unix:/run/api.sock"';
    throw new RangeError(`${shown} is not the URL of an endpoint; ${hint}`);
  }
  const kind = scheme.toLowerCase();
  if (kind !== "http" && kind !== "https" && kind !== "tcp" && kind !== "udp")
    throw new RangeError(
      `${shown} has the scheme "${scheme}"; endpoints are "http://host:port", "https://host:port", "tcp://host:port", "udp://host:port" or "unix:/path"`,
    );
  const [written, rest] = splitAuthority(text.slice(scheme.length + 3));
  if (written.includes("@"))
    throw new RangeError(`${shown.replace(/\/\/.*@/, "//…@")} has a user name or password; endpoints have neither`);
  if (rest !== "" && rest !== "/")
    throw new RangeError(
      `${shown} has a path; an endpoint is only an address. To add a prefix, use the route's middleware "rewrite: { addPrefix: ... }"`,
    );
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{0,5}))?$/.exec(written);
  const host = match?.[1] !== undefined ? readIpv6(match[1]) : readName(match?.[2] ?? "");
  const isValidHost =
    match?.[1] !== undefined
      ? ipVersion(host) === 6
      : ipVersion(host) === 4 || (isHostName(host) && !/^[\d.]+$/.test(host));
  // `0x7f.1` is an address to the system and a name to whoever checks a certificate.
  if (match === null || !isValidHost || (kind === "https" && toPeerName(host) === null))
    throw new RangeError(`${shown} has no valid host`);
  if ((kind === "tcp" || kind === "udp") && match[3] === undefined)
    throw new RangeError(`${shown} has no port; ${kind.toUpperCase()} has none that goes without saying`);
  const port = match[3] === undefined ? (kind === "https" ? 443 : 80) : Number(match[3]);
  if (match[3] === "" || port < 1 || port > 65_535)
    throw new RangeError(`${shown} has no valid port; ports are 1 to 65535`);
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { url: `${kind}://${authority}`, host, port, socketPath: null };
}

/** Is TLS spoken to the endpoint of this canonical URL? */
export function usesTls(url: string): boolean {
  return url.startsWith("https:");
}

function splitAuthority(text: string): [authority: string, rest: string] {
  const end = text.search(/[/?#\\]/);
  return end === -1 ? [text, ""] : [text.slice(0, end), text.slice(end)];
}

/**
 * In lower case, except the interface of an address that is local to a link: `fe80::1%eth0`, in URLs also
 * `fe80::1%25eth0` (RFC 6874).
 */
function readIpv6(text: string): string {
  const [address = "", zone] = text.split(/%(?:25)?/, 2);
  return zone === undefined ? address.toLowerCase() : `${address.toLowerCase()}%${zone}`;
}

/**
 * In lower case; a name with letters beyond ASCII in the form that name servers know (RFC 5891). "" if there is no such
 * form.
 */
function readName(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text.toLowerCase() : domainToASCII(text);
}
