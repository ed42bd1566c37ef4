/** Discovery by a file, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { FileDiscoveryOptions } from "./options.ts";

/** Follows a file that lists endpoints. */
export const fileKind: DiscoveryKind<FileDiscoveryOptions> = {
  key: "file",
  describe: (path) => `file ${path}`,
  async create(path, context) {
    const { FileDiscovery } = await import("./file-discovery.ts");
    return new FileDiscovery(path, context);
  },
};
