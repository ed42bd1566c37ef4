/** Millrace as a library. */
/// <reference types="node" preserve="true" />
export type {
  EndpointChange,
  EndpointMissing,
  EndpointReport,
  EndpointStatus,
  ReloadResult,
} from "./admin/admin-sources.ts";
export type { CacheOperator, PurgeReport, PurgeRequest } from "./cache/purge/purge-operator.ts";
export type { ConfigDiff, NamedDiff } from "./config/config-diff.ts";
export type * from "./config/config-input.ts";
export { defineConfig } from "./config/define-config.ts";
export { ConfigError, type Problem as ConfigProblem } from "./config/problem.ts";
export type { LogFields, Logger, LogLevel } from "./observe/logger.ts";
export { createLogger, type LoggerOptions } from "./observe/logger.ts";
export type { Statistics } from "./observe/statistics-line.ts";
export { register, type RegisterEtcd, type RegisterOptions } from "./register/register.ts";
export type { Registration } from "./register/registration.ts";
export { createProxy } from "./server/create-proxy.ts";
export type { Inspection } from "./server/inspection.ts";
export type { EndpointOperator, Proxy, ProxyAddress, ProxyOptions } from "./server/proxy.ts";
