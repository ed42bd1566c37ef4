/** The version of this Millrace: that of `package.json`, which a test compares. */
export const version = "0.1.0";

/**
 * @throws Error in one sentence if `nodeVersion` is not among those that the package names as its engines; the command
 * says the same before it loads anything
 */
export function assertSupportedNode(nodeVersion: string): void {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const isSupported = (major === 22 && minor >= 18) || (major === 24 && minor >= 11) || major >= 26;
  if (!isSupported)
    throw new Error(`millrace needs Node.js 22.18, 24.11, or 26 and later; this is Node.js ${nodeVersion}.`);
}
