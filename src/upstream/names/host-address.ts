/** Which addresses of a name server's answer can be those of a host. */

/**
 * Can a service of others be at this address (in its one spelling)? `0.0.0.0` and `::` are this machine, as name servers
 * that block a name answer; addresses local to a link, among them that of a cloud's metadata, mean nothing without the
 * link; groups and broadcasts are no hosts.
 */
export function isHostAddress(address: string): boolean {
  // The same machine in another spelling (RFC 4291 section 2.5.5.2): the system connects to the IPv4 address in it.
  if (address.startsWith("::ffff:")) return isHostAddress(unmapped(address.slice(7)));
  return address.includes(":")
    ? !/^(?:::$|ff[\da-f]{2}:|fe[89ab][\da-f]:)/.test(address)
    : !/^(?:0|22[4-9]|23\d|24\d|25[0-5])\.|^169\.254\./.test(address);
}

/** The IPv4 address that the end of a mapped one is, in dots or in hexadecimal groups. */
function unmapped(end: string): string {
  if (end.includes(".")) return end;
  const [high = 0, low = 0] = end.split(":").map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
