/** How sources of certificates are made, beside files. */
import type { ListenerOptions } from "../../net/options.ts";
import type { CertificateSource } from "../../net/tls/certificate-source.ts";
import type { Logger } from "../../observe/logger.ts";
import type { MetricWriter } from "../../observe/metric-writer.ts";
import type { FunctionTable } from "../../script/function-table.ts";
import type { StoresOptions } from "../../store/options.ts";

/** What sources are made with. */
export interface SourceParts {
  readonly logger: Logger;
  readonly metrics: MetricWriter;
  /** The functions of the configuration, loaded when they are asked for. @throws ConfigError */
  functions(): Promise<FunctionTable>;
  /** The stores of the configuration, by name. */
  readonly stores: StoresOptions;
}

/** Makes the sources of one kind. */
export interface SourceFactory {
  /** Names the kind. */
  readonly key: string;
  /** What the source of this listener depends on; null = it has none. A source whose options stay the same stays. */
  optionsOf(listener: ListenerOptions, stores: StoresOptions): unknown;
  /** Loads what the kind needs. @throws ConfigError if the configuration must be refused */
  create(listener: ListenerOptions, parts: SourceParts): Promise<CertificateSource>;
}
