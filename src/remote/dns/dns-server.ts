/** The address of a name server as people and `resolv.conf` write it. */
import { ipVersion } from "../../base/ip-address.ts";

/** Where a name server is. */
export interface DnsServer {
  /** As it was written. */
  readonly text: string;
  readonly address: string;
  readonly port: number;
}

/**
 * Reads `10.0.0.1`, `10.0.0.1:8600`, `2001:db8::1` or `[2001:db8::1]:8600`; without a port it is 53.
 * @throws RangeError with a sentence for the user
 */
export function parseDnsServer(text: string): DnsServer {
  const withPort = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text);
  const address = withPort?.[1] ?? withPort?.[2] ?? text;
  const port = Number(withPort?.[3] ?? 53);
  if (ipVersion(address) === 0 || port < 1 || port > 65_535)
    throw new RangeError(
      `${JSON.stringify(text)} is not the address of a name server; write for example "10.0.0.53", "127.0.0.1:8600" or "[2001:db8::53]:53"`,
    );
  return { text, address, port };
}
