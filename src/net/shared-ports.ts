/** Whether the kernel spreads the connections of one port among several sockets (SO_REUSEPORT as on Linux). */
const platforms: ReadonlySet<NodeJS.Platform> = new Set<NodeJS.Platform>(["linux", "freebsd", "sunos", "aix"]);

/** Can several sockets of this process listen on one port? */
export function canSharePorts(platform: NodeJS.Platform = process.platform): boolean {
  return platforms.has(platform);
}
