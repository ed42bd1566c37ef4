/** Names and name servers in the configuration. */
import { domainToASCII } from "node:url";
import * as z from "zod";
import { parsedBy } from "../../base/option-schema.ts";
import { isDomainName } from "./dns-message.ts";
import { parseDnsServer } from "./dns-server.ts";

/** The address of a name server; its normal form is a `DnsServer`. */
export const dnsServerSchema = z.string().transform(parsedBy(parseDnsServer));

/** A name to ask for: in lower case, in the form that name servers know; a dot at the end is kept. */
export const dnsNameSchema = z.string().transform(parsedBy(parseName));

function parseName(text: string): string {
  const name = (/^[\x00-\x7f]*$/.test(text) ? text : domainToASCII(text)).toLowerCase();
  if (!isDomainName(name.replace(/\.$/, "")))
    throw new RangeError(
      `${JSON.stringify(text)} is not a name that can be asked for; write for example "api.internal" or "_http._tcp.api.internal"`,
    );
  return name;
}
