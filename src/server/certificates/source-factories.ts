/** Where certificates of a listener come from beside files. */
import type { CertificateSource } from "../../net/tls/certificate-source.ts";
import type { ListenerOptions } from "../../net/options.ts";

/** Makes the sources of one kind. */
export interface SourceFactory {
  /** Names the kind. */
  readonly key: string;
  /** What the source of this listener depends on; null = it has none. A source whose options stay the same stays. */
  optionsOf(listener: ListenerOptions): unknown;
  create(listener: ListenerOptions): CertificateSource;
}

/** All kinds. */
export const sourceFactories: readonly SourceFactory[] = [];
