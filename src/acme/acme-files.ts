/** What `acme` names files for, read. */
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import type { AuthorityOptions } from "./authority.ts";

/** Reads files for a configuration: a bad one refuses it. */
export interface AcmeFiles {
  /** As text. @throws if it cannot be read */
  read(path: string): Promise<string>;
}

/** The authorities in their order. @throws what `files` throws */
export async function readAuthorities(options: AcmeOptions, files: AcmeFiles): Promise<AuthorityOptions[]> {
  const { directory, eab, ca, profile, preferredChain } = options;
  const list = Array.isArray(directory) ? directory : [directory];
  return Promise.all(
    list.map(async (entry, at): Promise<AuthorityOptions> => {
      const own =
        at === 0 ? { eab, ca, profile, preferredChain } : { eab: null, ca: null, profile: null, preferredChain: null };
      const section = typeof entry === "string" ? { url: entry, ...own } : entry;
      return {
        directoryUrl: section.url,
        caPem: section.ca === null ? null : await files.read(section.ca),
        eab: section.eab,
        profile: section.profile,
        preferredChain: section.preferredChain,
      };
    }),
  );
}
