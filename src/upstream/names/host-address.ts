/** Which addresses of a name server's answer can be those of a host. */

/**
 * Can a service of others be at this address (in its one spelling)? `0.0.0.0` and `::` are this machine, as name servers
 * that block a name answer; addresses local to a link, among them that of a cloud's metadata, mean nothing without the
 * link; groups and broadcasts are no hosts.
 */
export function isHostAddress(address: string): boolean {
  return address.includes(":")
    ? !/^(?:::$|ff[\da-f]{2}:|fe[89ab][\da-f]:)/.test(address)
    : !/^(?:0|22[4-9]|23\d|24\d|25[0-5])\.|^169\.254\./.test(address);
}
