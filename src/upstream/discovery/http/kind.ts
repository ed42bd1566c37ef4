/** Discovery by a URL, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { HttpDiscoveryOptions } from "./options.ts";

/** Asks a URL for the endpoints, again and again. */
export const httpKind: DiscoveryKind<HttpDiscoveryOptions> = {
  key: "http",
  describe({ url }) {
    const { origin, pathname } = new URL(url);
    return `${origin}${pathname}`;
  },
  async create(options, context) {
    const { HttpDiscovery } = await import("./http-discovery.ts");
    return new HttpDiscovery(options, context);
  },
};
